// SPDX-License-Identifier: Apache-2.0
// What the recorder writes and the replayer reads: the log of all that a process did to the files below one
// folder, in order, and the notes of its program between. Knows no store.
//
// A log is a sequence of entries: EntryHead, then `name_size` bytes of a path relative to the folder, then
// `data_size` bytes.
#pragma once

#include <cstdint>

namespace ews_im::tests {

enum class Act : std::uint8_t {
  Note,  ///< data: what the program says
  MakeFolder,
  MakeFile,
  Rename,    ///< data: the new name
  Remove,    ///< a file or an empty folder
  Write,     ///< data at `offset`; `durable`: the descriptor has O_DSYNC
  Truncate,  ///< to the size `offset`
  Sync,      ///< a file, or a folder with the names in it
};

struct EntryHead {
  Act act = Act::Note;
  std::uint8_t durable = 0;
  std::uint16_t name_size = 0;
  std::uint32_t data_size = 0;
  std::uint64_t file = 0;  ///< inode
  std::uint64_t offset = 0;
};

/// The folder whose files are recorded, and the log.
inline constexpr char kRecordFolder[] = "EWS_IM_RECORD_FOLDER";
inline constexpr char kRecordLog[] = "EWS_IM_RECORD_LOG";
/// The recorder's function by which the program notes something in the log.
inline constexpr char kRecordNote[] = "ews_im_record_note";
using RecordNote = void (*)(const char* text, std::uint32_t size);

}  // namespace ews_im::tests
