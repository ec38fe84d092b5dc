// SPDX-License-Identifier: Apache-2.0
// Whole requests through the service on a real store: version, shape, ids, the operations, and what is asked
// for besides.
#include <memory>
#include <string>

#include "mod_ews_im/ews/operation.h"
#include "tests/serve.h"
#include "tests/unit/lmdb_fixture.h"
#include "tests/unit/store_contract_fixture.h"

namespace ews_im::tests {
namespace {

using ews::ResponseCode;

constexpr const char* kVersion = "<t:RequestServerVersion Version=\"Exchange2013\"/>";

struct Answer {
  int status = 0;
  ResponseCode code = ResponseCode::NoError;
  std::string body;

  [[nodiscard]] bool has(std::string_view text) const { return body.find(text) != std::string::npos; }
  /// The text after `start`, up to `end`.
  [[nodiscard]] std::string between(std::string_view start, std::string_view end) const {
    const auto at = body.find(start);
    CPPUNIT_ASSERT_MESSAGE(body, at != std::string::npos);
    const auto from = at + start.size();
    return body.substr(from, body.find(end, from) - from);
  }
};

std::string envelope(const std::string& request, const std::string& header = kVersion) {
  return "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\""
         " xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\""
         " xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"><s:Header>" +
         header + "</s:Header><s:Body>" + request + "</s:Body></s:Envelope>";
}

Answer ask(store::Store& store, const store::Guid& mailbox, const std::string& body) {
  ews::EnvelopeReader reader;
  reader.feed(body);
  CPPUNIT_ASSERT(reader.finish() == ews::Verdict::Ours);
  const ews::Reply reply = serve(reader.envelope(), store, mailbox, soon());
  Answer answer{reply.http_status(), reply.response_code(), {}};
  reply.write([&answer](std::string_view piece) {
    answer.body += piece;
    return true;
  });
  CPPUNIT_ASSERT_EQUAL(reply.content_length(), std::uint64_t{answer.body.size()});
  return answer;
}

/// One mailbox of a fresh store.
class Desk {
 public:
  Desk() : fixture_([] { return std::make_unique<LmdbPlace>(); }) {}

  Answer operator()(const std::string& request, const std::string& header = kVersion) {
    return ask(fixture_.store(), fixture_.guid(), envelope(request, header));
  }
  /// Adds a group; its id.
  std::string group(const std::string& name) {
    const Answer answer = (*this)("<m:AddImGroup><m:DisplayName>" + name + "</m:DisplayName></m:AddImGroup>");
    CPPUNIT_ASSERT_MESSAGE(answer.body, answer.code == ResponseCode::NoError);
    return answer.between("<t:ExchangeStoreId Id=\"", "\"");
  }
  /// Adds a contact; its id.
  std::string contact(const std::string& address, const std::string& group) {
    const Answer answer =
        (*this)("<m:AddNewImContactToGroup><m:ImAddress>" + address + "</m:ImAddress><m:GroupId Id=\"" +
                group + "\"/></m:AddNewImContactToGroup>");
    CPPUNIT_ASSERT_MESSAGE(answer.body, answer.code == ResponseCode::NoError);
    return answer.between("<t:SourceId Id=\"", "\"");
  }
  Fixture& fixture() { return fixture_; }

 private:
  Fixture fixture_;
};

void require(ResponseCode code, int status, const Answer& answer) {
  CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, std::string(ews::response_code_name(code)),
                               std::string(ews::response_code_name(answer.code)));
  CPPUNIT_ASSERT_EQUAL(status, answer.status);
  CPPUNIT_ASSERT_MESSAGE(answer.body, answer.has(ews::response_code_name(code)));
}

struct RefusedRow {
  const char* name;
  std::string request;
  ResponseCode code;
  int status = 200;
  const char* header = kVersion;
};

std::string set_group(const std::string& attributes) {
  return "<m:SetImGroup><m:GroupId " + attributes + "/><m:NewDisplayName>x</m:NewDisplayName></m:SetImGroup>";
}
std::string property(const std::string& attributes) {
  return "<m:GetImItemList><m:ExtendedProperties><t:ExtendedProperty " + attributes +
         "/></m:ExtendedProperties></m:GetImItemList>";
}
std::string many_ids() {
  std::string all = "<m:GetImItems><m:ContactIds>";
  for (int i = 0; i < 2001; ++i) all += "<t:ItemId Id=\"x\"/>";
  return all + "</m:ContactIds></m:GetImItems>";
}

constexpr const char* kList = "<m:GetImItemList/>";
constexpr auto kShape = ResponseCode::ErrorSchemaValidation;
const std::string kPersona =
    "Id=\"AAQkAGQ1MjJjMTBkLTc4Y2UtNDA5Ny04ZjU5LWI3MTYzNGNkZmRkYQAQAJ3EkhEEXN5KufGbSYJanZk=\"";

const RefusedRow kRefused[] = {
    {"an old version", kList, ResponseCode::ErrorIncorrectSchemaVersion, 500,
     "<t:RequestServerVersion Version=\"Exchange2010_SP2\"/>"},
    {"a version that is none", kList, ResponseCode::ErrorInvalidServerVersion, 500,
     "<t:RequestServerVersion Version=\"2013\"/>"},
    {"a version header without version", kList, ResponseCode::ErrorInvalidServerVersion, 500,
     "<t:RequestServerVersion/>"},
    {"a name that is missing", "<m:AddImGroup/>", kShape, 500},
    {"a name that is empty", "<m:AddImGroup><m:DisplayName/></m:AddImGroup>", kShape, 500},
    {"a name in another namespace", "<m:AddImGroup><t:DisplayName>x</t:DisplayName></m:AddImGroup>", kShape,
     500},
    {"a name twice",
     "<m:AddImGroup><m:DisplayName>x</m:DisplayName><m:DisplayName>x</m:DisplayName></m:AddImGroup>", kShape,
     500},
    {"children in another order",
     "<m:AddNewImContactToGroup><m:DisplayName>x</m:DisplayName><m:ImAddress>x</m:ImAddress>"
     "</m:AddNewImContactToGroup>",
     kShape, 500},
    {"text between children", "<m:AddImGroup>x<m:DisplayName>x</m:DisplayName></m:AddImGroup>", kShape, 500},
    {"an attribute that is not declared",
     "<m:AddImGroup a=\"b\"><m:DisplayName>x</m:DisplayName></m:AddImGroup>", kShape, 500},
    {"an id without Id", set_group("ChangeKey=\"EgAAAA==\""), kShape, 500},
    {"a flag that is none",
     "<m:SetImListMigrationCompleted><m:ImListMigrationCompleted>yes</m:ImListMigrationCompleted>"
     "</m:SetImListMigrationCompleted>",
     kShape, 500},
    {"a list of ids without ids", "<m:GetImItems><m:ContactIds/></m:GetImItems>", kShape, 500},
    {"a long name",
     "<m:AddImGroup><m:DisplayName>" + std::string(257, 'x') + "</m:DisplayName></m:AddImGroup>",
     ResponseCode::ErrorDataSizeLimitExceeded},
    {"a long address",
     "<m:AddNewImContactToGroup><m:ImAddress>" + std::string(1025, 'x') +
         "</m:ImAddress></m:AddNewImContactToGroup>",
     ResponseCode::ErrorDataSizeLimitExceeded},
    {"2001 ids", many_ids(), ResponseCode::ErrorDataSizeLimitExceeded},
    {"an empty id", set_group("Id=\"\""), ResponseCode::ErrorInvalidIdEmpty},
    {"an id that is none", set_group("Id=\"x\""), ResponseCode::ErrorInvalidIdMalformed},
    {"an id of another mailbox", set_group(kPersona), ResponseCode::ErrorNonExistentMailbox},
    {"an unknown distribution group",
     "<m:AddDistributionGroupToImList><m:SmtpAddress>x@y</m:SmtpAddress></m:AddDistributionGroupToImList>",
     ResponseCode::ErrorInvalidImDistributionGroupSmtpAddress},
    {"a property without its name",
     property("PropertySetId=\"00062004-0000-0000-C000-000000000046\" "
              "PropertyType=\"String\""),
     ResponseCode::ErrorInvalidExtendedProperty},
    {"a property by tag and set",
     property("PropertyTag=\"0x3001\" DistinguishedPropertySetId=\"Address\" PropertyType=\"String\""),
     ResponseCode::ErrorInvalidExtendedProperty},
    {"a property in two sets",
     property("PropertySetId=\"00062004-0000-0000-C000-000000000046\" DistinguishedPropertySetId=\"Address\" "
              "PropertyId=\"32866\" PropertyType=\"String\""),
     ResponseCode::ErrorInvalidExtendedProperty},
    {"a property without type", property("PropertyTag=\"0x3001\""), kShape, 500},
    {"a property of an unknown type", property("PropertyTag=\"0x3001\" PropertyType=\"Text\""), kShape, 500},
};

struct PropertyRow {
  const char* name;
  std::string attributes;
  const char* value;  ///< of the contact; nullptr: none has it
};

const PropertyRow kProperties[] = {
    {"display name", "PropertyTag=\"0x3001\" PropertyType=\"String\"", "<t:Value>x@contoso.com</t:Value>"},
    {"the same in decimal", "PropertyTag=\"12289\" PropertyType=\"String\"", "PropertyTag=\"0x3001\""},
    {"message class", "PropertyTag=\"0x1a\" PropertyType=\"String\"", "<t:Value>IPM.Contact</t:Value>"},
    {"IM address", "DistinguishedPropertySetId=\"Address\" PropertyId=\"32866\" PropertyType=\"String\"",
     "DistinguishedPropertySetId=\"Address\" PropertyId=\"32866\""},
    {"the same by GUID",
     "PropertySetId=\"00062004-0000-0000-C000-000000000046\" PropertyId=\"32866\" PropertyType=\"String\"",
     "PropertySetId=\"00062004-0000-0000-c000-000000000046\" PropertyId=\"32866\""},
    {"of another type", "PropertyTag=\"0x3001\" PropertyType=\"Integer\"", nullptr},
    {"unknown", "PropertyTag=\"0x1234\" PropertyType=\"String\"", nullptr},
    {"by name", "DistinguishedPropertySetId=\"Address\" PropertyName=\"x\" PropertyType=\"String\"", nullptr},
    {"of another set", "DistinguishedPropertySetId=\"Common\" PropertyId=\"32866\" PropertyType=\"String\"",
     nullptr},
};

void add_operations(std::vector<Case>& all) {
  all.push_back({"a contact joins, is listed, and leaves", [] {
                   Desk desk;
                   const std::string group = desk.group("Friends &amp; Family");
                   const std::string contact = desk.contact("x@contoso.com", group);
                   Answer list = desk(kList);
                   CPPUNIT_ASSERT(list.has("<t:DisplayName>Friends &amp; Family</t:DisplayName>"));
                   CPPUNIT_ASSERT(list.has("<t:MemberCorrelationKey><t:ItemId Id=\"" + contact + "\""));
                   CPPUNIT_ASSERT(list.has("<t:ImAddress>x@contoso.com</t:ImAddress>"));
                   const Answer gone = desk("<m:RemoveContactFromImList><m:ContactId Id=\"" + contact +
                                            "\"/></m:RemoveContactFromImList>");
                   require(ResponseCode::NoError, 200, gone);
                   list = desk(kList);
                   CPPUNIT_ASSERT(!list.has(contact) && !list.has("MemberCorrelationKey"));
                   const Answer again = desk("<m:RemoveContactFromImList><m:ContactId Id=\"" + contact +
                                             "\"/></m:RemoveContactFromImList>");
                   CPPUNIT_ASSERT(again.code != ResponseCode::NoError && again.status == 200);
                 }});
  all.push_back({"what was answered is there after the store was closed", [] {
                   Desk desk;
                   const std::string group = desk.group("Friends");
                   desk.fixture().reopen();
                   CPPUNIT_ASSERT(desk(kList).has(group));
                 }});
  all.push_back({"the same name twice", [] {
                   Desk desk;
                   desk.group("Friends");
                   require(ResponseCode::ErrorImGroupDisplayNameAlreadyExists, 200,
                           desk("<m:AddImGroup><m:DisplayName>FRIENDS</m:DisplayName></m:AddImGroup>"));
                 }});
  all.push_back({"a contact's id where a group's is wanted, and the other way round", [] {
                   Desk desk;
                   const std::string group = desk.group("Friends");
                   const std::string contact = desk.contact("x@contoso.com", group);
                   require(ResponseCode::ErrorInvalidImGroupId, 200,
                           desk(set_group("Id=\"" + contact + "\"")));
                   require(ResponseCode::ErrorInvalidImContactId, 200,
                           desk("<m:RemoveContactFromImList><m:ContactId Id=\"" + group +
                                "\"/></m:RemoveContactFromImList>"));
                 }});
  all.push_back({"a ChangeKey must be one", [] {
                   Desk desk;
                   const std::string id = "Id=\"" + desk.group("Friends") + "\" ChangeKey=";
                   require(ResponseCode::ErrorInvalidChangeKey, 200, desk(set_group(id + "\"x\"")));
                   require(ResponseCode::NoError, 200, desk(set_group(id + "\"EgAAAA==\"")));
                 }});
  all.push_back({"a mailbox that is gone", [] {
                   Desk desk;
                   require_ok(desk.fixture().store().remove_mailbox(desk.fixture().guid(), soon()));
                   require(ResponseCode::ErrorNonExistentMailbox, 200, desk(kList));
                   require(ResponseCode::ErrorNonExistentMailbox, 200,
                           desk("<m:AddImGroup><m:DisplayName>x</m:DisplayName></m:AddImGroup>"));
                 }});
}

struct VersionRow {
  const char* text;
  bool good;
};

const VersionRow kVersions[] = {
    {"15.0.578.11 Exchange2013", true},
    {"15.20.65535.0", true},
    {"1.2.3", false},
    {"1.2.3.4.5", false},
    {"15.0.578.65536", false},
    {"15.0.578.-1", false},
    {"15.0.578.x", false},
    {"", false},
    {"15.0.578.11 ", false},
    {"15.0.578.11 A B", false},
    {"15.0.578.11 <a>", false},
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const RefusedRow& row : kRefused) {
    all.push_back({std::string("refused: ") + row.name, [&row] {
                     Desk desk;
                     const Answer before = desk(kList);
                     require(row.code, row.status, desk(row.request, row.header));
                     CPPUNIT_ASSERT_EQUAL(before.body, desk(kList).body);
                   }});
  }
  for (const PropertyRow& row : kProperties) {
    all.push_back({std::string("property: ") + row.name, [&row] {
                     Desk desk;
                     desk.contact("x@contoso.com", desk.group("Friends"));
                     const Answer list = desk(property(row.attributes));
                     require(ResponseCode::NoError, 200, list);
                     CPPUNIT_ASSERT_EQUAL(row.value != nullptr, list.has("ExtendedProperties"));
                     if (row.value != nullptr) CPPUNIT_ASSERT_MESSAGE(list.body, list.has(row.value));
                   }});
  }
  for (const VersionRow& row : kVersions) {
    all.push_back({std::string("server version '") + row.text + "'", [&row] {
                     ews::ServerVersion version;
                     CPPUNIT_ASSERT_EQUAL(row.good, ews::parse_server_version(row.text, version));
                   }});
  }
  for (const char* good : {"Exchange2013", "Exchange2013_SP1", "Exchange2016", "V2017_07_11"}) {
    all.push_back({std::string("served: ") + good, [good] {
                     Desk desk;
                     require(ResponseCode::NoError, 200,
                             desk(kList, "<t:RequestServerVersion Version=\"" + std::string(good) + "\"/>"));
                   }});
  }
  add_operations(all);
  return all;
}

const RegisteredSuite suite("service", cases);

}  // namespace
}  // namespace ews_im::tests
