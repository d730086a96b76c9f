import { XmlError, type XmlElement } from './xml.ts'

/** Namespaces of SAML 2.0 and of what it is signed and encrypted with. */
export const PROTOCOL = 'urn:oasis:names:tc:SAML:2.0:protocol'
export const ASSERTION = 'urn:oasis:names:tc:SAML:2.0:assertion'
export const METADATA = 'urn:oasis:names:tc:SAML:2.0:metadata'
export const SIGNATURE = 'http://www.w3.org/2000/09/xmldsig#'
export const ENCRYPTION = 'http://www.w3.org/2001/04/xmlenc#'
export const EXCLUSIVE_C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#'

/** An element that may be in another: its namespace and local name. */
export type Name = readonly [namespace: string, name: string]

export const is = (element: XmlElement, [namespace, name]: Name): boolean =>
  element.namespace === namespace && element.name === name

/** Every element of this name directly in `parent`. */
export const all = (parent: XmlElement, name: Name): readonly XmlElement[] =>
  parent.children.filter((child) => is(child, name))

/** The only element of this name in `parent`; undefined where there is none. Throws XmlError where there are several. */
export function optional(parent: XmlElement, name: Name): XmlElement | undefined {
  const found = all(parent, name)
  if (found.length > 1) throw new XmlError(`has ${found.length} ${name[1]} in ${parent.name}`)
  return found[0]
}

/** The only element of this name in `parent`. Throws XmlError where there is none, or several. */
export function one(parent: XmlElement, name: Name): XmlElement {
  const found = optional(parent, name)
  if (found === undefined) throw new XmlError(`has no ${name[1]} in ${parent.name}`)
  return found
}

/** Throws XmlError where an element holds anything that is not listed. */
export function only(element: XmlElement, children: readonly Name[], attributes: readonly string[]): void {
  const child = element.children.find((found) => !children.some((name) => is(found, name)))
  if (child !== undefined) throw new XmlError(`has ${child.name} in ${element.name}, which is not supported`)
  const [attribute] = [...element.attributes.keys()].filter((name) => !attributes.includes(name))
  if (attribute !== undefined)
    throw new XmlError(
      `has the attribute ${attribute.replace(/^\{.*\}/, '')} of ${element.name}, which is not supported`,
    )
  if (children.length > 0 && element.text.trim() !== '') throw new XmlError(`has text in ${element.name}`)
}

/** An attribute that must be there. */
export function attribute(element: XmlElement, name: string): string {
  const value = element.attributes.get(name)
  if (value === undefined || value === '') throw new XmlError(`has no ${name} in ${element.name}`)
  return value
}

/** The text of an element that holds nothing else. */
export function textOf(element: XmlElement): string {
  if (element.children.length > 0) throw new XmlError(`has elements in ${element.name}`)
  return element.text
}

/** A time in milliseconds (SAML Core, section 1.3.3: UTC); undefined where the attribute is not there. */
export function timeOf(element: XmlElement, name: string): number | undefined {
  const value = element.attributes.get(name)
  if (value === undefined) return undefined
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isNaN(time)) throw new XmlError(`has a ${name} in ${element.name} that is not a time in UTC`)
  return time
}
