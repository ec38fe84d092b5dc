// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/ews/shape.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "mod_ews_im/ews/xml_text.h"
#include "store/guid.h"

namespace ews_im::ews {
namespace {

constexpr std::array<std::string_view, 10> kPropertySets{
    "Meeting",         "Appointment",       "Common",           "PublicStrings", "Address",
    "InternetHeaders", "CalendarAssistant", "UnifiedMessaging", "Task",          "Sharing"};
constexpr std::array<std::string_view, 27> kPropertyTypes{"ApplicationTime",
                                                          "ApplicationTimeArray",
                                                          "Binary",
                                                          "BinaryArray",
                                                          "Boolean",
                                                          "CLSID",
                                                          "CLSIDArray",
                                                          "Currency",
                                                          "CurrencyArray",
                                                          "Double",
                                                          "DoubleArray",
                                                          "Error",
                                                          "Float",
                                                          "FloatArray",
                                                          "Integer",
                                                          "IntegerArray",
                                                          "Long",
                                                          "LongArray",
                                                          "Null",
                                                          "Object",
                                                          "ObjectArray",
                                                          "Short",
                                                          "ShortArray",
                                                          "SystemTime",
                                                          "SystemTimeArray",
                                                          "String",
                                                          "StringArray"};

bool contains(std::span<const std::string_view> list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

template <class Int>
bool is_integer(std::string_view text, bool hex = false) {
  if (!hex && text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return false;
  }
  Int value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  return !text.empty() && error == std::errc{} && end == text.data() + text.size();
}

bool is_property_tag(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) {
    return text.size() >= 3 && text.size() <= 6 && text[2] != '-' &&
           is_integer<std::uint32_t>(text.substr(2), true);
  }
  text = trim_xml_space(text);
  return !text.starts_with('+') && is_integer<std::uint16_t>(text);
}

bool is_valid(ValueType type, std::string_view text) {
  switch (type) {
    case ValueType::None:
    case ValueType::Empty:  // check_shape looks
    case ValueType::String:
      return true;
    case ValueType::NonEmptyString:
      return !text.empty();
    case ValueType::Boolean: {
      const auto value = trim_xml_space(text);
      return value == "true" || value == "false" || value == "1" || value == "0";
    }
    case ValueType::Int:
      return is_integer<std::int32_t>(trim_xml_space(text));
    case ValueType::Guid:
      return store::Guid::parse(text).has_value();
    case ValueType::PropertyTag:
      return is_property_tag(text);
    case ValueType::PropertySet:
      return contains(kPropertySets, text);
    case ValueType::PropertyType:
      return contains(kPropertyTypes, text);
  }
  return false;
}

std::string quoted(std::string_view name) {
  constexpr std::size_t kLongest = 64;  // bytes of a client's own text that come back to it
  std::string out = "'";
  std::size_t length = std::min(name.size(), kLongest);
  while (length < name.size() && length > 0 && (static_cast<unsigned char>(name[length]) & 0xC0U) == 0x80U)
    --length;
  out += name.substr(0, length);
  return out += "'";
}

Violation at(const Element& element, std::string text) {
  return {element.line, element.column, std::move(text)};
}

std::optional<Violation> check_xsi(const Element& element, const Attribute& attribute, const Shape& shape) {
  if (attribute.local_name == "schemaLocation" || attribute.local_name == "noNamespaceSchemaLocation")
    return std::nullopt;
  if (attribute.local_name == "type" && attribute.value == shape.type_name && attribute.value_ns == shape.ns)
    return std::nullopt;
  return at(element, "The attribute 'xsi:" + quoted(attribute.local_name).substr(1) + " of the element " +
                         quoted(element.local_name) + " is not allowed here.");
}

std::optional<Violation> check_attributes(const Element& element, const Shape& shape) {
  for (const Attribute& attribute : element.attributes) {
    if (attribute.ns == Namespace::Xsi) {
      if (auto violation = check_xsi(element, attribute, shape)) return violation;
      continue;
    }
    const auto known =
        std::find_if(shape.attributes.begin(), shape.attributes.end(), [&](const AttributeShape& candidate) {
          return attribute.ns == Namespace::None && candidate.name == attribute.local_name;
        });
    if (known == shape.attributes.end()) {
      return at(element, "The attribute " + quoted(attribute.local_name) + " of the element " +
                             quoted(element.local_name) + " is not declared.");
    }
    if (!is_valid(known->type, attribute.value)) {
      return at(element, "The " + quoted(attribute.local_name) + " attribute is invalid - The value " +
                             quoted(attribute.value) + " is invalid according to its datatype.");
    }
  }
  for (const AttributeShape& wanted : shape.attributes) {
    if (wanted.required && element.attribute(wanted.name) == nullptr) {
      return at(element, "The required attribute " + quoted(wanted.name) + " of the element " +
                             quoted(element.local_name) + " is missing.");
    }
  }
  return std::nullopt;
}

bool matches(const Element& element, const ChildShape& child) {
  return element.ns == child.ns && element.local_name == child.name;
}

Violation unexpected(const Element& parent, const Element& child) {
  return at(child, "The element " + quoted(parent.local_name) + " has an invalid child element " +
                       quoted(child.local_name) + " here.");
}

Violation incomplete(const Element& parent, std::string_view expected) {
  return at(parent, "The element " + quoted(parent.local_name) + " has incomplete content; " +
                        quoted(expected) + " is expected.");
}

std::optional<Violation> check_choice(const Element& element, const Shape& shape) {
  if (element.children.empty()) return incomplete(element, shape.children.front().name);
  for (const Element* child : element.children) {
    const auto known = std::find_if(shape.children.begin(), shape.children.end(),
                                    [&](const ChildShape& candidate) { return matches(*child, candidate); });
    if (known == shape.children.end()) return unexpected(element, *child);
    if (auto violation = check_shape(*child, known->shape)) return violation;
  }
  return std::nullopt;
}

std::optional<Violation> check_sequence(const Element& element, const Shape& shape) {
  auto next = element.children.begin();
  for (const ChildShape& wanted : shape.children) {
    if (next != element.children.end() && matches(**next, wanted)) {
      if (auto violation = check_shape(**next, wanted.shape)) return violation;
      ++next;
    } else if (wanted.required) {
      if (next != element.children.end()) return unexpected(element, **next);
      return incomplete(element, wanted.name);
    }
  }
  if (next != element.children.end()) return unexpected(element, **next);
  return std::nullopt;
}

}  // namespace

std::optional<Violation> check_shape(const Element& element, const Shape& shape) {
  if (auto violation = check_attributes(element, shape)) return violation;
  const bool complex = shape.text == ValueType::None || shape.text == ValueType::Empty;
  if (shape.text != ValueType::None && !element.children.empty())
    return unexpected(element, *element.children.front());
  if (complex && (element.has_text || (shape.text == ValueType::Empty && !element.text.empty()))) {
    return at(element, "The element " + quoted(element.local_name) + " cannot contain text.");
  }
  if (!is_valid(shape.text, element.text)) {
    return at(element, "The " + quoted(element.local_name) + " element is invalid - The value " +
                           quoted(element.text) + " is invalid according to its datatype.");
  }
  if (shape.choice) return check_choice(element, shape);
  return check_sequence(element, shape);
}

}  // namespace ews_im::ews
