// SPDX-License-Identifier: Apache-2.0
// Fuzz target: a whole request body, as a client may send it, against a real store. Every input has an answer
// that is well-formed XML of the length it announces, or is not ours and has a fault to say so. The first
// byte says in which pieces the body arrives; @C and @G stand for ids of a contact and a group that exist.
#include <libxml/parser.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "mod_ews_im/ews/envelope.h"
#include "mod_ews_im/ews/item_id.h"
#include "store/im_list.h"
#include "store/lmdb/lmdb_store.h"
#include "tests/serve.h"

namespace {

using namespace ews_im;  // NOLINT(google-build-using-namespace)

void require(bool good) {
  if (!good) std::abort();
}

std::string text_of(const ews::IdText& id) { return std::string(id.head()).append(id.rest()); }

store::Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(10); }

class Server {
 public:
  Server() {
    std::string folder = std::filesystem::temp_directory_path() / "fuzz_request-XXXXXX";
    require(mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
    store::LmdbOptions options{.path = folder_ + "/store", .no_sync = true};
    require(store::create_lmdb_store(options).ok());
    store_ = std::move(store::open_lmdb_store(options).value());
    const auto guid = store::Guid::parse("d522c10d-78ce-4097-8f59-b71634cdfdda");
    store::DirectoryEntry entry;
    entry.guid = mailbox_ = *guid;
    entry.primary_smtp_address = "tsmith@contoso.com";
    require(store_->add_mailbox(entry, soon()).ok());
    require(
        store_->add_distribution_group({.smtp_address = "sales@contoso.com", .display_name = "Sales"}, soon())
            .ok());
    require(store_
                ->change_settings(soon(),
                                  [](store::Settings& settings) {
                                    settings = {.im_contact_limit = 40, .im_group_limit = 8};
                                  })
                .ok());
    require(store_
                ->write(mailbox_, soon(),
                        [this](store::MailboxTransaction& txn) {
                          const auto group = store::add_im_group(txn, "Group");
                          const auto contact = store::add_new_im_contact_to_group(
                              txn, {"tadams@contoso.com", "Terry"}, std::nullopt, {});
                          const ews::IdWriter ids(txn.mailbox());
                          group_ = text_of(ids.item_id(std::get<store::ImGroup>(group).number));
                          contact_ = text_of(ids.item_id(std::get<store::ImContact>(contact).number));
                          return store::Outcome::Commit;
                        })
                .ok());
  }
  ~Server() {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::string filled_in(std::string_view input) const {
    std::string body;
    for (std::size_t i = 0; i < input.size(); ++i) {
      const bool placeholder =
          input[i] == '@' && i + 1 < input.size() && (input[i + 1] == 'C' || input[i + 1] == 'G');
      if (!placeholder) {
        body += input[i];
      } else {
        body += input[++i] == 'C' ? contact_ : group_;
      }
    }
    return body;
  }

  ews::Reply serve(const ews::Envelope& envelope) {
    return tests::serve(envelope, *store_, mailbox_, soon());
  }

 private:
  std::string folder_;
  store::Guid mailbox_;
  std::shared_ptr<store::Store> store_;
  std::string group_;
  std::string contact_;
};

void check_answer(const ews::Reply& reply) {
  std::string body;
  reply.write([&](std::string_view piece) {
    body += piece;
    return true;
  });
  require(body.size() == reply.content_length());
  require(reply.detail().empty());
  xmlDoc* document = xmlReadMemory(body.data(), static_cast<int>(body.size()), nullptr, nullptr,
                                   XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
  require(document != nullptr);
  xmlFreeDoc(document);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Server server;
  if (size == 0) return 0;
  const std::size_t piece = std::size_t{1} + data[0] * 16U;
  const std::string body = server.filled_in({reinterpret_cast<const char*>(data) + 1, size - 1});
  ews::EnvelopeReader reader;
  for (std::size_t at = 0; at < body.size(); at += piece) {
    if (reader.feed(std::string_view(body).substr(at, piece)) == ews::Verdict::NotOurs) break;
  }
  const ews::Verdict verdict =
      reader.verdict() == ews::Verdict::NotOurs ? ews::Verdict::NotOurs : reader.finish();
  require(verdict != ews::Verdict::Undecided);
  if (verdict == ews::Verdict::NotOurs) {
    check_answer(ews::fault_reply(reader.refusal(), reader.https()));
    return 0;
  }
  const auto asked = ews::read_impersonation(reader.envelope());
  if (const auto* fault = std::get_if<ews::SoapFault>(&asked)) check_answer(ews::fault_reply(*fault));
  check_answer(server.serve(reader.envelope()));
  return 0;
}
