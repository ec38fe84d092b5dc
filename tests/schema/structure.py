# SPDX-License-Identifier: Apache-2.0
"""A schema's types as plain values, so that two schemas can be compared: derivation is followed and flattened."""

from dataclasses import dataclass, field

from lxml import etree

XS = "{http://www.w3.org/2001/XMLSchema}"
IN_ORDER, REPEATED = ("sequence", "choice"), "unbounded"


@dataclass
class Particle:
    """A child element: its type (or the Shape of an anonymous one) and how often it occurs, groups around it included."""
    name: str
    type: object
    occurs: tuple
    choice: bool


@dataclass
class Shape:
    children: list = field(default_factory=list)
    attributes: dict = field(default_factory=dict)  # name: (type, use)
    wildcard: bool = False    # xs:any
    facets: list = field(default_factory=list)      # (facet, value)
    base: str = None          # of a simple type or simple content


class Schema:
    def __init__(self, folder):
        self.nodes = {}
        for file, prefix in (("types.xsd", "t"), ("messages.xsd", "m")):
            root = etree.parse(str(folder / file)).getroot()
            for node in root:
                if isinstance(node.tag, str) and node.get("name"):
                    kind = "element" if node.tag == f"{XS}element" else "type"
                    self.nodes[kind, f"{prefix}:{node.get('name')}"] = node

    def names(self, kind):
        return [name for found, name in self.nodes if found == kind]

    def of(self, kind, name):
        """The shape of a global type, or of a global element's type (its name if it has one)."""
        node = self.nodes[kind, name]
        if kind == "type":
            return self.shape(node)
        return node.get("type") or self.shape(next(c for c in node if c.tag != f"{XS}annotation"))

    def shape(self, node):
        found = Shape()
        self.collect(node, found, (1, 1), False)
        return found

    def collect(self, node, found, occurs, choice):
        for child in node:
            if not isinstance(child.tag, str):
                continue
            tag = child.tag.removeprefix(XS)
            if tag in IN_ORDER:
                self.collect(child, found, times(occurs, child, tag == "choice" and len(child) > 1), tag == "choice" and len(child) > 1)
            elif tag == "element":
                anonymous = child.find(f"{XS}complexType")
                kind = child.get("type") or (self.shape(anonymous) if anonymous is not None else None)
                found.children.append(Particle(child.get("name") or child.get("ref"), kind, times(occurs, child, False), choice))
            elif tag == "any":
                found.wildcard = True
            elif tag == "attribute":
                found.attributes[child.get("name")] = (child.get("type"), child.get("use") or "optional")
            elif tag in ("extension", "restriction"):
                base = child.get("base")
                if base.startswith("xs:") or node.tag == f"{XS}simpleContent" or node.tag == f"{XS}simpleType":
                    found.base = base
                else:
                    self.collect(self.nodes["type", base], found, occurs, choice)
                self.collect(child, found, occurs, choice)
            elif tag in ("complexContent", "simpleContent", "complexType", "simpleType", "union"):
                if child.get("memberTypes"):
                    found.facets.append(("member", child.get("memberTypes")))
                self.collect(child, found, occurs, choice)
            elif tag in ("enumeration", "pattern", "minLength"):
                found.facets.append((tag, child.get("value")))

    def reachable(self, starts):
        """The global types that these elements lead to."""
        todo, seen = [self.of("element", name) for name in starts], set()
        while todo:
            item = todo.pop()
            if isinstance(item, Shape):
                todo += [child.type for child in item.children]
                todo += [kind for kind, _ in item.attributes.values()] + [item.base]
            elif item and not item.startswith("xs:") and item not in seen:
                seen.add(item)
                node = self.nodes["type", item]
                todo.append(self.shape(node))
                todo += [inner.get("base") for inner in node.iter(f"{XS}extension")]
        return seen


def times(outer, node, optional):
    low, high = node.get("minOccurs") or "1", node.get("maxOccurs") or "1"
    low = 0 if optional else int(low)
    high = REPEATED if REPEATED in (high, outer[1]) else int(high) * outer[1]
    return (low * outer[0], high)
