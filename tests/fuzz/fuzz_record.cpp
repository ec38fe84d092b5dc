// SPDX-License-Identifier: Apache-2.0
// Fuzz target: the payload of a record whose checksum is right, of each kind (the first byte says which). What
// a decoder accepts is what the encoder writes, byte for byte.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "store/lmdb/record.h"

namespace {

using namespace ews_im::store;  // NOLINT(google-build-using-namespace)

void require_same(RecordWriter record, std::string_view payload) {
  if (record.seal("").substr(kRecordHeaderSize) != payload) std::abort();
}

template <class Value>
void check(const std::optional<Value>& value, std::string_view payload) {
  if (value) require_same(encode(*value), payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view payload(reinterpret_cast<const char*>(data) + 1, size - 1);
  (void)payload_of("key", payload);
  const Guid guid{};
  switch (data[0] % 9) {
    case 0:
      check(decode_settings(payload), payload);
      break;
    case 1:
      check(decode_mailbox(guid, payload), payload);
      break;
    case 2:
      check(decode_im_group(1, payload), payload);
      break;
    case 3:
      check(decode_im_contact(1, payload), payload);
      break;
    case 4:
      if (const auto number = decode_address(payload)) require_same(encode_address(*number), payload);
      break;
    case 5:
      check(decode_directory_entry(guid, payload), payload);
      break;
    case 6:
      check(decode_name(payload), payload);
      break;
    case 7:
      check(decode_distribution_group(payload), payload);
      break;
    default:
      check(decode_impersonation_right(payload), payload);
      break;
  }
  return 0;
}
