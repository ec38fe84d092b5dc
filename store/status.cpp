// SPDX-License-Identifier: Apache-2.0
#include "store/status.h"

namespace ews_im::store {

std::string_view fault_name(Fault fault) {
  switch (fault) {
    case Fault::NotFound:
      return "NotFound";
    case Fault::AlreadyExists:
      return "AlreadyExists";
    case Fault::Invalid:
      return "Invalid";
    case Fault::Busy:
      return "Busy";
    case Fault::Unavailable:
      return "Unavailable";
    case Fault::Full:
      return "Full";
    case Fault::Corrupt:
      return "Corrupt";
    case Fault::TooNew:
      return "TooNew";
    case Fault::Denied:
      return "Denied";
    case Fault::Internal:
      return "Internal";
  }
  return "Internal";
}

}  // namespace ews_im::store
