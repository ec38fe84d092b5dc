// SPDX-License-Identifier: Apache-2.0
// A client of the npm package soap, made from the server's own description. Reads one request a line as JSON and writes what
// the package understood of the answer, also as JSON (drivers.py says in which form). Knows nothing of the scenario.
//
//   node node_client.js WSDL_URL USER PASSWORD      with NODE_PATH where the package is
'use strict';

const readline = require('readline');
const soap = require('soap');

const TYPES = 'http://schemas.microsoft.com/exchange/services/2006/types';

const list = (value) => (value === undefined || value === null ? [] : Array.isArray(value) ? value : [value]);
const text = (value) => (value === undefined ? null : value === null ? '' : String(value.$value ?? value));
const children = (parent, name) => list(parent && parent[name]);

// ---- Arguments: an id or a property path is an element with attributes

function attributes(value) {
  return { attributes: value };
}

function argumentsOf(request) {
  const result = {};
  for (const [name, value] of Object.entries(request)) {
    if (Array.isArray(value)) {
      const child = name === 'ExtendedProperties' ? 'ExtendedProperty' : 'ItemId';
      result[name] = { [child]: value.map(attributes) };
    } else {
      result[name] = typeof value === 'object' ? attributes(value) : value;
    }
  }
  return result;
}

// ---- Answers

function property(value) {
  return [value.ExtendedFieldURI.attributes.PropertyTag, text(value.Value)];
}

function group(value) {
  return {
    name: text(value.DisplayName),
    type: text(value.GroupType),
    id: value.ExchangeStoreId.attributes.Id,
    change_key: value.ExchangeStoreId.attributes.ChangeKey,
    members: children(value.MemberCorrelationKey, 'ItemId').map((item) => item.attributes.Id),
    smtp_address: text(value.SmtpAddress),
    properties: children(value.ExtendedProperties, 'ExtendedProperty').map(property),
  };
}

function persona(value) {
  const source = children(value.Attributions, 'Attribution')[0];
  return {
    id: source.SourceId.attributes.Id,
    change_key: source.SourceId.attributes.ChangeKey,
    persona_id: value.PersonaId.attributes.Id,
    name: text(value.DisplayName),
    first_last: text(value.DisplayNameFirstLast),
    address: text(value.ImAddress),
    emails: children(value.EmailAddresses, 'Address').map((address) => text(address.EmailAddress)),
    phones: children(value.OtherTelephones, 'PhoneNumberAttributedValue').map((phone) => text(phone.Value.Number)),
    quick: text(source.IsQuickContact) === 'true',
    hidden: text(source.IsHidden) === 'true',
    properties: children(value.ExtendedProperties, 'ExtendedPropertyAttributedValue').map((entry) => property(entry.Value)),
  };
}

function answerOf(result, header) {
  const answer = {
    class: result.attributes.ResponseClass,
    code: text(result.ResponseCode),
    text: text(result.MessageText),
    message_xml: result.MessageXml === undefined ? null : JSON.stringify(result.MessageXml),
    version: header && header.ServerVersionInfo ? header.ServerVersionInfo.attributes.Version : null,
  };
  if (result.Persona) answer.persona = persona(result.Persona);
  if (result.ImGroup) answer.group = group(result.ImGroup);
  if (result.ImItemList !== undefined) {
    answer.list = {
      groups: children(result.ImItemList.Groups, 'ImGroup').map(group),
      personas: children(result.ImItemList.Personas, 'Persona').map(persona),
    };
  }
  return answer;
}

function faultOf(error) {
  const fault = error.root && error.root.Envelope && error.root.Envelope.Body && error.root.Envelope.Body.Fault;
  if (!fault) return { fault: { code: '', text: String(error.message) } };
  return { fault: { code: text(fault.faultcode), text: text(fault.faultstring) } };
}

async function main([url, user, password]) {
  const authorization = 'Basic ' + Buffer.from(`${user}:${password}`).toString('base64');
  const client = await soap.createClientAsync(url, { wsdl_headers: { Authorization: authorization } });
  client.setSecurity(new soap.BasicAuthSecurity(user, password));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { operation, version, arguments: given } = JSON.parse(line);
    client.clearSoapHeaders();
    client.addSoapHeader({ 't:RequestServerVersion': { attributes: { Version: version } } }, '', 't', TYPES);
    let answer;
    try {
      const [result, , header] = await client[`${operation}Async`](argumentsOf(given));
      answer = answerOf(result, header);
    } catch (error) {
      answer = faultOf(error);
    }
    answer.raw = client.lastResponse;
    console.log(JSON.stringify(answer));
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
