// SPDX-License-Identifier: Apache-2.0
// Fuzz target: the text of an id. What is accepted names one thing only: another spelling of it decodes to
// the same, and the run-length form goes back and forth.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "mod_ews_im/ews/item_id.h"

using namespace ews_im;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)ews::is_change_key(text);
  if (const auto back = ews::decompress(ews::compress(text)); back && *back != text) std::abort();
  (void)ews::decompress(text);
  const auto decoded = ews::decode_item_id(text);
  const auto* id = std::get_if<ews::ItemId>(&decoded);
  if (id == nullptr) return 0;
  store::Mailbox mailbox;
  mailbox.guid = id->mailbox;
  if (id->kind != ews::ItemId::Kind::Item) return 0;
  // Of a mailbox whose parts are those of the id: then the id is the one that it writes.
  for (std::size_t i = 0; i < 16; ++i) {
    mailbox.provider_uid.bytes[i] = static_cast<std::uint8_t>(id->store_id[4 + i]);
    mailbox.database_guid.bytes[i] = static_cast<std::uint8_t>(id->store_id[22 + i]);
  }
  for (std::size_t i = 0; i < 6; ++i)
    mailbox.folder = mailbox.folder << 8U | static_cast<std::uint8_t>(id->store_id[38 + i]);
  const store::ItemNumber number = ews::item_number(*id, mailbox);
  if (number == 0) return 0;
  const ews::IdWriter ids(mailbox);
  const ews::IdText text_written = ids.item_id(number);
  const std::string written = std::string(text_written.head()).append(text_written.rest());
  const auto again = ews::decode_item_id(written);
  const auto* same = std::get_if<ews::ItemId>(&again);
  if (same == nullptr || same->store_id != id->store_id || same->mailbox != id->mailbox) std::abort();
  return 0;
}
