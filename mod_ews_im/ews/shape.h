// SPDX-License-Identifier: Apache-2.0
// Checks an element against a table of what may be in it, as the schema in conf/wsdl/ says: the only
// validation at run time, so that libxml2's schema code is out of reach of hostile input. Knows no operation.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "mod_ews_im/ews/envelope.h"

namespace ews_im::ews {

/// The simple types that occur.
enum class ValueType : std::uint8_t {
  None,   ///< no text: only white space between children
  Empty,  ///< no text at all, not even white space
  String,
  NonEmptyString,
  Boolean,
  Int,
  Guid,
  PropertyTag,
  PropertySet,
  PropertyType,
};

struct AttributeShape {
  std::string_view name;
  ValueType type;
  bool required;
};

struct Shape;

struct ChildShape {
  std::string_view name;
  Namespace ns;
  const Shape& shape;
  bool required;
};

/// A type of the schema. Children come in this order, each at most once; or, if `choice`, any of them, at
/// least one.
struct Shape {
  std::string_view type_name;  ///< local name in the types or messages namespace, for xsi:type
  Namespace ns;
  ValueType text;
  bool choice;
  std::span<const ChildShape> children;
  std::span<const AttributeShape> attributes;
};

/// Where and how `element` breaks its shape; nullopt if it does not.
[[nodiscard]] std::optional<Violation> check_shape(const Element& element, const Shape& shape);

}  // namespace ews_im::ews
