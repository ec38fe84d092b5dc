// SPDX-License-Identifier: Apache-2.0
// The extended (MAPI) properties that a client may ask for beside the usual elements
// (t:PathToExtendedFieldType), and the values that the stored data has for them. A property that an item
// lacks is left out, as the documentation of GetImItems says.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mod_ews_im/ews/envelope.h"
#include "store/model.h"

namespace ews_im::ews {

/// One property that was asked for and that some item can have, with the attributes that name it in the
/// answer.
struct AskedProperty {
  std::size_t row = 0;    ///< of the table of known properties
  std::string field_uri;  ///< <t:ExtendedFieldURI .../>
};

/// What the m:ExtendedProperties of `request` asks for, each property once; ErrorInvalidExtendedProperty for
/// a combination of attributes that names none. Properties that no item here can have are left out.
[[nodiscard]] std::variant<std::vector<AskedProperty>, ResponseCode> read_asked_properties(
    const Element& request);

/// The value of a property, nullopt if the item lacks it.
[[nodiscard]] std::optional<std::string> property_value(const AskedProperty& asked,
                                                        const store::ImContactView& contact);
[[nodiscard]] std::optional<std::string> property_value(const AskedProperty& asked,
                                                        const store::ImGroup& group);

}  // namespace ews_im::ews
