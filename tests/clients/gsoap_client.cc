// SPDX-License-Identifier: Apache-2.0
// A client for the proxy that gSOAP's generators make from the server's own description. Reads one request a
// line as JSON and writes what the proxy understood of the answer, also as JSON (tests/clients/drivers.py
// says in which form). Knows nothing of the scenario. Its name does not end with .cpp because it compiles
// only beside what the test generates.
//
//   gsoap_client URL USER PASSWORD
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "ExchangeServiceBinding.nsmap"
#include "soapExchangeServiceBindingProxy.h"

using nlohmann::json;
using Proxy = ExchangeServiceBindingProxy;

namespace {

std::string received;  // every byte of the last answer, heading and body

std::size_t record(soap* context, char* buffer, std::size_t size) {
  static const auto original = [] {
    soap plain;
    return plain.frecv;
  }();
  const std::size_t count = original(context, buffer, size);
  received.append(buffer, count);
  return count;
}

// ---- From JSON to the proxy's types

struct Call {
  Proxy& proxy;
  const json& request;
  const char* user;
  const char* password;
  const json& arguments = request.at("arguments");

  /// What gSOAP forgets after each exchange.
  void authenticate() const {
    proxy.soap->userid = user;
    proxy.soap->passwd = password;
    auto* version = soap_new__ewstype__RequestServerVersion(proxy.soap);
    version->Version = request.at("version").get<std::string>();
    proxy.soap_header(nullptr, nullptr, version, nullptr);
  }

  [[nodiscard]] bool has(const char* name) const { return arguments.contains(name); }
  [[nodiscard]] std::string text(const char* name) const { return arguments.at(name).get<std::string>(); }
  std::string* optional_text(const char* name) const { return has(name) ? keep(text(name)) : nullptr; }
  std::string* keep(const std::string& value) const {
    std::string* copy = soap_new_std__string(proxy.soap);
    *copy = value;
    return copy;
  }

  ewstype__ItemIdType* item_id(const json& value) const {
    auto* id = soap_new_ewstype__ItemIdType(proxy.soap);
    id->Id = value.at("Id").get<std::string>();
    if (value.contains("ChangeKey")) id->ChangeKey = keep(value.at("ChangeKey").get<std::string>());
    return id;
  }
  ewstype__ItemIdType* id(const char* name) const {
    return has(name) ? item_id(arguments.at(name)) : nullptr;
  }

  ewstype__NonEmptyArrayOfBaseItemIdsType* ids(const char* name) const {
    if (!has(name)) return nullptr;
    auto* list = soap_new_ewstype__NonEmptyArrayOfBaseItemIdsType(proxy.soap);
    for (const json& value : arguments.at(name)) {
      __ewstype__union_NonEmptyArrayOfBaseItemIdsType item;
      item.__union_NonEmptyArrayOfBaseItemIdsType =
          SOAP_UNION__ewstype__union_NonEmptyArrayOfBaseItemIdsType_ItemId;
      item.union_NonEmptyArrayOfBaseItemIdsType.ItemId = item_id(value);
      list->__union_NonEmptyArrayOfBaseItemIdsType.push_back(item);
    }
    return list;
  }

  ewstype__NonEmptyArrayOfExtendedFieldURIs* properties() const {
    if (!has("ExtendedProperties")) return nullptr;
    auto* list = soap_new_ewstype__NonEmptyArrayOfExtendedFieldURIs(proxy.soap);
    for (const json& value : arguments.at("ExtendedProperties")) {
      auto* path = soap_new_ewstype__PathToExtendedFieldType(proxy.soap);
      path->PropertyTag = keep(value.at("PropertyTag").get<std::string>());
      soap_s2ewstype__MapiPropertyTypeType(proxy.soap, value.at("PropertyType").get<std::string>().c_str(),
                                           &path->PropertyType);
      __ewstype__union_NonEmptyArrayOfExtendedFieldURIs item;
      item.__union_NonEmptyArrayOfExtendedFieldURIs =
          SOAP_UNION__ewstype__union_NonEmptyArrayOfExtendedFieldURIs_ExtendedProperty;
      item.union_NonEmptyArrayOfExtendedFieldURIs.ExtendedProperty = path;
      list->__union_NonEmptyArrayOfExtendedFieldURIs.push_back(item);
    }
    return list;
  }

  template <class Request, class Wrapper, class Reply>
  json send(int (Proxy::*operation)(Request*, Wrapper&), Request& request, Reply* Wrapper::*member) const;
};

// ---- From the proxy's types to JSON

json maybe(const std::string* value) { return value ? json(*value) : json(); }

json property(const ewstype__ExtendedPropertyType& property) {
  const bool single =
      property.__union_ExtendedPropertyType == SOAP_UNION__ewstype__union_ExtendedPropertyType_Value;
  return {maybe(property.ExtendedFieldURI->PropertyTag),
          single ? maybe(property.union_ExtendedPropertyType.Value) : json()};
}

json group(const ewstype__ImGroupType& group) {
  json members = json::array();
  json properties = json::array();
  if (group.MemberCorrelationKey) {
    for (const auto* item : group.MemberCorrelationKey->ItemId) members.push_back(item->Id);
  }
  if (group.ExtendedProperties) {
    for (const auto* value :
         *group.ExtendedProperties->union_NonEmptyArrayOfExtendedPropertyType.ExtendedProperty) {
      properties.push_back(property(*value));
    }
  }
  return {{"name", group.DisplayName},
          {"type", group.GroupType},
          {"id", group.ExchangeStoreId->Id},
          {"change_key", maybe(group.ExchangeStoreId->ChangeKey)},
          {"members", members},
          {"smtp_address", maybe(group.SmtpAddress)},
          {"properties", properties}};
}

json persona(const ewstype__PersonaType& persona) {
  json emails = json::array();
  json phones = json::array();
  json properties = json::array();
  if (persona.EmailAddresses) {
    for (const auto* address : persona.EmailAddresses->Address)
      emails.push_back(maybe(address->EmailAddress));
  }
  if (persona.OtherTelephones) {
    for (const auto* phone : persona.OtherTelephones->PhoneNumberAttributedValue) {
      phones.push_back(phone->Value->Number);
    }
  }
  if (persona.ExtendedProperties) {
    for (const auto* value : persona.ExtendedProperties->ExtendedPropertyAttributedValue) {
      properties.push_back(property(*value->Value));
    }
  }
  const auto& source = *persona.Attributions->Attribution.at(0);
  return {{"id", source.SourceId->Id},
          {"change_key", maybe(source.SourceId->ChangeKey)},
          {"persona_id", persona.PersonaId->Id},
          {"name", maybe(persona.DisplayName)},
          {"first_last", maybe(persona.DisplayNameFirstLast)},
          {"address", maybe(persona.ImAddress)},
          {"emails", emails},
          {"phones", phones},
          {"quick", source.IsQuickContact && *source.IsQuickContact},
          {"hidden", source.IsHidden && *source.IsHidden},
          {"properties", properties}};
}

json list(const ewstype__ImItemListType& list) {
  json groups = json::array();
  json personas = json::array();
  if (list.Groups) {
    for (const auto& item : list.Groups->__union_ArrayOfImGroupType) {
      groups.push_back(group(*item.union_ArrayOfImGroupType.ImGroup));
    }
  }
  if (list.Personas) {
    for (const auto& item : list.Personas->__union_ArrayOfPeopleType) {
      personas.push_back(persona(*item.union_ArrayOfPeopleType.Persona));
    }
  }
  return {{"groups", groups}, {"personas", personas}};
}

void payload(json& answer, const ewsmsg__AddNewImContactToGroupResponseMessageType& reply) {
  if (reply.Persona) answer["persona"] = persona(*reply.Persona);
}
void payload(json& answer, const ewsmsg__AddNewTelUriContactToGroupResponseMessageType& reply) {
  if (reply.Persona) answer["persona"] = persona(*reply.Persona);
}
void payload(json& answer, const ewsmsg__AddImGroupResponseMessageType& reply) {
  if (reply.ImGroup) answer["group"] = group(*reply.ImGroup);
}
void payload(json& answer, const ewsmsg__AddDistributionGroupToImListResponseMessageType& reply) {
  if (reply.ImGroup) answer["group"] = group(*reply.ImGroup);
}
void payload(json& answer, const ewsmsg__GetImItemListResponseMessageType& reply) {
  if (reply.ImItemList) answer["list"] = list(*reply.ImItemList);
}
void payload(json& answer, const ewsmsg__GetImItemsResponseMessageType& reply) {
  if (reply.ImItemList) answer["list"] = list(*reply.ImItemList);
}
void payload(json&, const ewsmsg__ResponseMessageType&) {}

template <class Request, class Wrapper, class Reply>
json Call::send(int (Proxy::*operation)(Request*, Wrapper&), Request& request,
                Reply* Wrapper::*member) const {
  Wrapper wrapper;
  int error = (proxy.*operation)(&request, wrapper);
  if (error == 500) {
    // A fault of Exchange has several elements in its detail. gSOAP's strict mode knows one, gives up and
    // tells no more than the status: to see the fault, ask again without.
    soap_clr_imode(proxy.soap, SOAP_XML_STRICT);
    received.clear();
    authenticate();
    error = (proxy.*operation)(&request, wrapper);
    soap_set_imode(proxy.soap, SOAP_XML_STRICT);
  }
  if (error != SOAP_OK) {
    const char* code = *soap_faultcode(proxy.soap);
    const char* what = *soap_faultstring(proxy.soap);
    return {{"fault", {{"code", code ? code : ""}, {"text", what ? what : ""}, {"error", error}}}};
  }
  const Reply& reply = *(wrapper.*member);
  json answer = {{"class", soap_ewstype__ResponseClassType2s(proxy.soap, reply.ResponseClass)}};
  if (const auto* common = reply.__ResponseMessageType_sequence) {
    answer["text"] = maybe(common->MessageText);
    if (common->ResponseCode)
      answer["code"] = soap_ewsmsg__ResponseCodeType2s(proxy.soap, *common->ResponseCode);
    if (common->MessageXml) {
      std::string all;
      for (const char* any : common->MessageXml->__any) all += any ? any : "";
      answer["message_xml"] = all;
    }
  }
  if (const auto* header = proxy.soap_header()) {
    if (header->ewstype__ServerVersionInfo)
      answer["version"] = maybe(header->ewstype__ServerVersionInfo->Version);
  }
  payload(answer, reply);
  return answer;
}

#define SEND(name, request) \
  call.send(&Proxy::name, request, &__ewsmsg__##name##Response::ewsmsg__##name##Response)

const std::map<std::string, std::function<json(const Call&)>> operations = {
    {"AddNewImContactToGroup",
     [](const Call& call) {
       ewsmsg__AddNewImContactToGroupType request;
       request.ImAddress = call.text("ImAddress");
       request.DisplayName = call.optional_text("DisplayName");
       request.GroupId = call.id("GroupId");
       return SEND(AddNewImContactToGroup, request);
     }},
    {"AddNewTelUriContactToGroup",
     [](const Call& call) {
       ewsmsg__AddNewTelUriContactToGroupType request;
       request.TelUriAddress = call.text("TelUriAddress");
       request.ImContactSipUriAddress = call.text("ImContactSipUriAddress");
       request.ImTelephoneNumber = call.text("ImTelephoneNumber");
       request.GroupId = call.id("GroupId");
       return SEND(AddNewTelUriContactToGroup, request);
     }},
    {"AddImContactToGroup",
     [](const Call& call) {
       ewsmsg__AddImContactToGroupType request;
       request.ContactId = call.id("ContactId");
       request.GroupId = call.id("GroupId");
       return SEND(AddImContactToGroup, request);
     }},
    {"RemoveImContactFromGroup",
     [](const Call& call) {
       ewsmsg__RemoveImContactFromGroupType request;
       request.ContactId = call.id("ContactId");
       request.GroupId = call.id("GroupId");
       return SEND(RemoveImContactFromGroup, request);
     }},
    {"RemoveContactFromImList",
     [](const Call& call) {
       ewsmsg__RemoveContactFromImListType request;
       request.ContactId = call.id("ContactId");
       return SEND(RemoveContactFromImList, request);
     }},
    {"AddImGroup",
     [](const Call& call) {
       ewsmsg__AddImGroupType request;
       request.DisplayName = call.text("DisplayName");
       return SEND(AddImGroup, request);
     }},
    {"SetImGroup",
     [](const Call& call) {
       ewsmsg__SetImGroupType request;
       request.GroupId = call.id("GroupId");
       request.NewDisplayName = call.text("NewDisplayName");
       return SEND(SetImGroup, request);
     }},
    {"RemoveImGroup",
     [](const Call& call) {
       ewsmsg__RemoveImGroupType request;
       request.GroupId = call.id("GroupId");
       return SEND(RemoveImGroup, request);
     }},
    {"AddDistributionGroupToImList",
     [](const Call& call) {
       ewsmsg__AddDistributionGroupToImListType request;
       request.SmtpAddress = call.text("SmtpAddress");
       request.DisplayName = call.optional_text("DisplayName");
       return SEND(AddDistributionGroupToImList, request);
     }},
    {"RemoveDistributionGroupFromImList",
     [](const Call& call) {
       ewsmsg__RemoveDistributionGroupFromImListType request;
       request.GroupId = call.id("GroupId");
       return SEND(RemoveDistributionGroupFromImList, request);
     }},
    {"GetImItemList",
     [](const Call& call) {
       ewsmsg__GetImItemListType request;
       request.ExtendedProperties = call.properties();
       return SEND(GetImItemList, request);
     }},
    {"GetImItems",
     [](const Call& call) {
       ewsmsg__GetImItemsType request;
       request.ContactIds = call.ids("ContactIds");
       request.GroupIds = call.ids("GroupIds");
       request.ExtendedProperties = call.properties();
       return SEND(GetImItems, request);
     }},
    {"SetImListMigrationCompleted",
     [](const Call& call) {
       ewsmsg__SetImListMigrationCompletedType request;
       request.ImListMigrationCompleted = call.arguments.at("ImListMigrationCompleted").get<bool>();
       return SEND(SetImListMigrationCompleted, request);
     }},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return EXIT_FAILURE;
  Proxy proxy(argv[1], SOAP_XML_STRICT | SOAP_IO_KEEPALIVE | SOAP_C_UTFSTRING);
  proxy.soap->send_timeout = proxy.soap->recv_timeout = proxy.soap->connect_timeout = 20;
  proxy.soap->frecv = record;
  std::string line;
  while (std::getline(std::cin, line)) {
    const json request = json::parse(line);
    const Call call{proxy, request, argv[2], argv[3]};
    received.clear();
    call.authenticate();
    json answer = operations.at(request.at("operation").get<std::string>())(call);
    answer["raw"] = received;
    std::cout << answer.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
    proxy.soap_noheader();
    soap_destroy(proxy.soap);
    soap_end(proxy.soap);
  }
  return EXIT_SUCCESS;
}
