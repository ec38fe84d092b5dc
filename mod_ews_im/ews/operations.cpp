// SPDX-License-Identifier: Apache-2.0
// THE TABLE of operations, and the shapes of their requests (conf/wsdl/messages.xsd says the same).
#include <array>
#include <span>

#include "mod_ews_im/ews/operation.h"
#include "mod_ews_im/ews/service.h"

namespace ews_im::ews {
namespace {

constexpr auto kM = Namespace::Messages;
constexpr auto kT = Namespace::Types;

constexpr Shape kText{"NonEmptyStringType", kT, ValueType::NonEmptyString, false, {}, {}};
constexpr Shape kBoolean{"boolean", Namespace::Other, ValueType::Boolean, false, {}, {}};
constexpr std::array kItemIdAttributes{AttributeShape{"Id", ValueType::String, true},
                                       AttributeShape{"ChangeKey", ValueType::String, false}};
constexpr Shape kItemId{"ItemIdType", kT, ValueType::Empty, false, {}, kItemIdAttributes};
constexpr std::array kOccurrenceAttributes{AttributeShape{"RecurringMasterId", ValueType::String, true},
                                           AttributeShape{"ChangeKey", ValueType::String, false},
                                           AttributeShape{"InstanceIndex", ValueType::Int, true}};
constexpr Shape kOccurrenceItemId{"OccurrenceItemIdType", kT, ValueType::Empty, false, {},
                                  kOccurrenceAttributes};
constexpr std::array kMasterAttributes{AttributeShape{"OccurrenceId", ValueType::String, true},
                                       AttributeShape{"ChangeKey", ValueType::String, false}};
constexpr Shape kMasterItemId{
    "RecurringMasterItemIdType", kT, ValueType::Empty, false, {}, kMasterAttributes};
constexpr std::array kRangeAttributes{AttributeShape{"Start", ValueType::String, false},
                                      AttributeShape{"End", ValueType::String, false},
                                      AttributeShape{"Count", ValueType::Int, false},
                                      AttributeShape{"CompareOriginalStartTime", ValueType::Boolean, false}};
constexpr Shape kRange{"OccurrencesRangeType", kT, ValueType::Empty, false, {}, kRangeAttributes};
constexpr std::array kRangeChildren{ChildShape{"Range", kT, kRange, false}};
constexpr Shape kRanges{"ArrayOfOccurrenceRangesType", kT, ValueType::None, true, kRangeChildren, {}};
constexpr std::array kMasterRangesChildren{ChildShape{"Ranges", kT, kRanges, false}};
constexpr Shape kMasterRanges{
    "RecurringMasterItemIdRangesType", kT, ValueType::None, false, kMasterRangesChildren, kItemIdAttributes};
constexpr std::array kBaseItemIds{ChildShape{"ItemId", kT, kItemId, false},
                                  ChildShape{"OccurrenceItemId", kT, kOccurrenceItemId, false},
                                  ChildShape{"RecurringMasterItemId", kT, kMasterItemId, false},
                                  ChildShape{"RecurringMasterItemIdRanges", kT, kMasterRanges, false}};
constexpr Shape kItemIds{"NonEmptyArrayOfBaseItemIdsType", kT, ValueType::None, true, kBaseItemIds, {}};
constexpr std::array kPathAttributes{
    AttributeShape{"DistinguishedPropertySetId", ValueType::PropertySet, false},
    AttributeShape{"PropertySetId", ValueType::Guid, false},
    AttributeShape{"PropertyTag", ValueType::PropertyTag, false},
    AttributeShape{"PropertyName", ValueType::String, false},
    AttributeShape{"PropertyId", ValueType::Int, false},
    AttributeShape{"PropertyType", ValueType::PropertyType, true}};
constexpr Shape kPath{"PathToExtendedFieldType", kT, ValueType::Empty, false, {}, kPathAttributes};
constexpr std::array kPaths{ChildShape{"ExtendedProperty", kT, kPath, false}};
constexpr Shape kExtendedProperties{
    "NonEmptyArrayOfExtendedFieldURIs", kT, ValueType::None, true, kPaths, {}};

constexpr ChildShape kGroupId{"GroupId", kM, kItemId, true};
constexpr ChildShape kGroupIdOrNone{"GroupId", kM, kItemId, false};
constexpr ChildShape kContactId{"ContactId", kM, kItemId, true};
constexpr ChildShape kProperties{"ExtendedProperties", kM, kExtendedProperties, false};

constexpr std::array kAddNewIm{ChildShape{"ImAddress", kM, kText, true},
                               ChildShape{"DisplayName", kM, kText, false}, kGroupIdOrNone};
constexpr std::array kAddNewTel{ChildShape{"TelUriAddress", kM, kText, true},
                                ChildShape{"ImContactSipUriAddress", kM, kText, true},
                                ChildShape{"ImTelephoneNumber", kM, kText, true}, kGroupIdOrNone};
constexpr std::array kAddContact{kContactId, kGroupIdOrNone};
constexpr std::array kRemoveContact{kContactId, kGroupId};
constexpr std::array kContactAlone{kContactId};
constexpr std::array kGroupAlone{kGroupId};
constexpr std::array kName{ChildShape{"DisplayName", kM, kText, true}};
constexpr std::array kSetGroup{kGroupId, ChildShape{"NewDisplayName", kM, kText, true}};
constexpr std::array kDistributionGroup{ChildShape{"SmtpAddress", kM, kText, true},
                                        ChildShape{"DisplayName", kM, kText, false}};
constexpr std::array kPropertiesAlone{kProperties};
constexpr std::array kGetItems{ChildShape{"ContactIds", kM, kItemIds, false},
                               ChildShape{"GroupIds", kM, kItemIds, false}, kProperties};
constexpr std::array kMigration{ChildShape{"ImListMigrationCompleted", kM, kBoolean, true}};

/// The shape of a request: always one type of the Messages schema, a sequence of elements.
constexpr Shape request(std::string_view type_name, std::span<const ChildShape> children) {
  return {type_name, kM, ValueType::None, false, children, {}};
}

constexpr std::array kOperations{
    Operation{"AddDistributionGroupToImList", true,
              request("AddDistributionGroupToImListType", kDistributionGroup),
              add_distribution_group_to_im_list},
    Operation{"AddImContactToGroup", true, request("AddImContactToGroupType", kAddContact),
              add_im_contact_to_group},
    Operation{"AddImGroup", true, request("AddImGroupType", kName), add_im_group},
    Operation{"AddNewImContactToGroup", true, request("AddNewImContactToGroupType", kAddNewIm),
              add_new_im_contact_to_group},
    Operation{"AddNewTelUriContactToGroup", true, request("AddNewTelUriContactToGroupType", kAddNewTel),
              add_new_tel_uri_contact_to_group},
    Operation{"GetImItemList", false, request("GetImItemListType", kPropertiesAlone), get_im_item_list},
    Operation{"GetImItems", false, request("GetImItemsType", kGetItems), get_im_items},
    Operation{"RemoveContactFromImList", true, request("RemoveContactFromImListType", kContactAlone),
              remove_contact_from_im_list},
    Operation{"RemoveDistributionGroupFromImList", true,
              request("RemoveDistributionGroupFromImListType", kGroupAlone),
              remove_distribution_group_from_im_list},
    Operation{"RemoveImContactFromGroup", true, request("RemoveImContactFromGroupType", kRemoveContact),
              remove_im_contact_from_group},
    Operation{"RemoveImGroup", true, request("RemoveImGroupType", kGroupAlone), remove_im_group},
    Operation{"SetImGroup", true, request("SetImGroupType", kSetGroup), set_im_group},
    Operation{"SetImListMigrationCompleted", true, request("SetImListMigrationCompletedType", kMigration),
              set_im_list_migration_completed},
};

}  // namespace

std::span<const Operation> operations() { return kOperations; }

const Operation* find_operation(std::string_view name) {
  for (const Operation& operation : kOperations) {
    if (operation.name == name) return &operation;
  }
  return nullptr;
}

}  // namespace ews_im::ews
