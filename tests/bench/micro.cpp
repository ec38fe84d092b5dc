// SPDX-License-Identifier: Apache-2.0
// What the parts of an answer cost by themselves: ids, reading an envelope, checking its shape, writing a list.
// No server, no store.
#include <benchmark/benchmark.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "mod_ews_im/ews/envelope.h"
#include "mod_ews_im/ews/item_id.h"
#include "mod_ews_im/ews/operation.h"
#include "mod_ews_im/ews/persona.h"

namespace {

using namespace ews_im;  // NOLINT(google-build-using-namespace): a program of its own

store::Mailbox sample_mailbox() {
  store::Mailbox mailbox;
  mailbox.guid = store::Guid::of_text({}, "mailbox");
  mailbox.provider_uid = store::Guid::of_text({}, "provider");
  mailbox.database_guid = store::Guid::of_text({}, "database");
  mailbox.folder = 1;
  return mailbox;
}

std::string text_of(const ews::IdText& id) { return std::string(id.head()) += id.rest(); }

void BM_WriteItemId(benchmark::State& state) {
  const ews::IdWriter ids(sample_mailbox());
  store::ItemNumber number = 0;
  for (auto _ : state) benchmark::DoNotOptimize(ids.item_id(++number));
}
BENCHMARK(BM_WriteItemId);

void BM_ReadItemId(benchmark::State& state) {
  const std::string id = text_of(ews::IdWriter(sample_mailbox()).item_id(4711));
  for (auto _ : state) benchmark::DoNotOptimize(ews::decode_item_id(id));
}
BENCHMARK(BM_ReadItemId);

std::string request_of(const std::string& operation) {
  std::ifstream file("tests/fixtures/" + operation + ".request.xml", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void BM_ReadEnvelope(benchmark::State& state) {
  const std::string request = request_of("AddNewImContactToGroup");
  ews::ParserStock stock;
  for (auto _ : state) {
    ews::EnvelopeReader reader(&stock);
    reader.feed(request);
    if (reader.finish() != ews::Verdict::Ours) state.SkipWithError("the request is not understood");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(request.size()) * state.iterations());
}
BENCHMARK(BM_ReadEnvelope);

void BM_CheckShape(benchmark::State& state) {
  ews::EnvelopeReader reader;
  reader.feed(request_of("AddNewImContactToGroup"));
  if (reader.finish() != ews::Verdict::Ours) {
    state.SkipWithError("the request is not understood");
    return;
  }
  const ews::Element& request = *reader.envelope().request;
  const ews::Shape& shape = reader.envelope().operation->shape;
  for (auto _ : state) {
    if (ews::check_shape(request, shape)) state.SkipWithError("the request breaks its shape");
  }
}
BENCHMARK(BM_CheckShape);

/// A list of 1,000, one contact in ten with a text that must be escaped.
struct List {
  List() {
    for (unsigned i = 0; i < 1000; ++i) {
      store::ImContactView contact;
      contact.number = i + 5;
      contact.change_number = i + 1;
      contact.persona_id = store::Guid{{static_cast<std::uint8_t>(i), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};
      contact.creation_time = 1600000000 + i;
      contact.display_name = i % 10 == 0 ? "Lind & Berg" : "Maria Magdalena Lind";
      contact.im_address = "maria.magdalena.lind@fabrikam.com";
      contacts.push_back(contact);
    }
    make_ids();
  }
  void make_ids() {
    contact_ids.clear();
    for (const store::ImContactView& contact : contacts) contact_ids.push_back(ids.item_id(contact.number));
  }
  template <class Out>
  void write_personas(Out& out) const {
    for (std::size_t i = 0; i < contacts.size(); ++i)
      ews::write_persona(out, ids, contacts[i], contact_ids[i], {});
  }
  const ews::IdWriter ids{sample_mailbox()};
  std::vector<store::ImContactView> contacts;
  std::vector<ews::IdText> contact_ids;
};

void BM_MakeContactIds(benchmark::State& state) {
  List list;
  for (auto _ : state) {
    list.make_ids();
    benchmark::DoNotOptimize(list.contact_ids.data());
  }
}
BENCHMARK(BM_MakeContactIds);

void BM_WritePersonas(benchmark::State& state) {
  std::vector<char> buffer(std::size_t{256} * 1024);
  std::size_t written = 0;
  const ews::Sink sink = [&](std::string_view piece) {
    written += piece.size();
    return true;
  };
  const List list;
  for (auto _ : state) {
    ews::Output out(sink, buffer);
    list.write_personas(out);
    out.flush();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(written));
}
BENCHMARK(BM_WritePersonas);

void BM_CountPersonas(benchmark::State& state) {
  const List list;
  for (auto _ : state) {
    ews::Counter out;
    list.write_personas(out);
    benchmark::DoNotOptimize(out.count());
  }
}
BENCHMARK(BM_CountPersonas);

}  // namespace

BENCHMARK_MAIN();
