import { isWellFormed } from '../../shared/well-formed.ts'

/** An element of an XML document, with its namespace resolved. */
export interface XmlElement {
  /** The URI; empty without one. */
  readonly namespace: string
  readonly name: string
  /** By local name; those with a prefix as `{namespace}name`. Declarations of namespaces are not among them. */
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly XmlElement[]
  /** The character data directly in it, entities resolved. */
  readonly text: string
}

export interface XmlLimits {
  /** Characters. */
  readonly maxLength: number
  /** Between elements; never beside text, which a comment would split for some readers and not for others. */
  readonly allowComments?: boolean
  /** And four attributes for each: where a library goes through them, again and again, before anything is verified. Default: 20,000. */
  readonly maxElements?: number
}

/** What is wrong with a document. It quotes nothing of it. */
export class XmlError extends Error {
  override readonly name = 'XmlError'
}

/**
 * Reads a document (XML 1.0 with namespaces), as far as SAML needs it. Closed: a document type, and so every entity but the predefined
 * ones, CDATA, processing instructions, names beyond ASCII and IDs that are used twice are refused. Throws XmlError.
 */
export function readXml(text: string, limits: XmlLimits): XmlElement {
  if (text.length > limits.maxLength) throw new XmlError(`is longer than ${limits.maxLength} characters`)
  if (ILLEGAL.test(text) || !isWellFormed(text)) throw new XmlError('has characters that XML does not allow')
  // XML 1.0, section 2.11.
  return new Reader(text.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n'), limits).read()
}

interface Open {
  readonly tag: string
  readonly namespaces: ReadonlyMap<string, string>
  readonly element: { children: XmlElement[]; text: string } & Omit<XmlElement, 'children' | 'text'>
  hasComment: boolean
}

class Reader {
  readonly #text: string
  readonly #allowComments: boolean
  readonly #maxElements: number
  readonly #open: Open[] = []
  readonly #ids = new Set<string>()
  #at = 0
  #elements = 0
  #attributes = 0
  #root: XmlElement | undefined

  constructor(text: string, { allowComments = false, maxElements = MAX_ELEMENTS }: XmlLimits) {
    this.#text = text
    this.#allowComments = allowComments
    this.#maxElements = maxElements
  }

  read(): XmlElement {
    const declaration = this.#match(DECLARATION)
    if (declaration !== undefined && !/^utf-8$/i.test(declaration[1] ?? 'UTF-8')) throw new XmlError('is not UTF-8')
    while (this.#at < this.#text.length) this.#next()
    if (this.#root === undefined || this.#open.length > 0) throw new XmlError('ends too early')
    return this.#root
  }

  #next(): void {
    const end = this.#text.indexOf('<', this.#at)
    const data = this.#text.slice(this.#at, end < 0 ? undefined : end)
    this.#at += data.length
    if (data !== '') this.#characters(data)
    if (end < 0) return
    if (this.#text.startsWith('<!--', this.#at) && this.#allowComments) return this.#comment()
    if (/[!?]/.test(this.#text[this.#at + 1] ?? ''))
      throw new XmlError('has a document type, a comment, CDATA or a processing instruction')
    if (this.#text[this.#at + 1] === '/') return this.#endTag()
    this.#startTag()
  }

  #characters(data: string): void {
    if (data.includes(']]>')) throw new XmlError('is not well-formed')
    const open = this.#open.at(-1)
    if (open !== undefined) open.element.text += resolved(data)
    else if (data.trim() !== '') throw new XmlError('has text outside of its root')
  }

  #comment(): void {
    const end = this.#text.indexOf('--', this.#at + 4)
    if (end < 0 || this.#text[end + 2] !== '>') throw new XmlError('is not well-formed')
    const open = this.#open.at(-1)
    if (open !== undefined) open.hasComment = true
    this.#at = end + 3
  }

  #startTag(): void {
    const found = this.#match(START_TAG)
    if (found === undefined) throw new XmlError('is not well-formed')
    const [, tag = '', list = '', empty] = found
    if (this.#root !== undefined && this.#open.length === 0) throw new XmlError('has two roots')
    if (++this.#elements > this.#maxElements || this.#open.length >= MAX_DEPTH)
      throw new XmlError('has too many elements, or too deep ones')
    const written = attributesOf(list)
    this.#attributes += written.size
    if (this.#attributes > 4 * this.#maxElements) throw new XmlError('has too many attributes')
    const namespaces = declared(written, this.#open.at(-1)?.namespaces ?? PREDEFINED)
    const [prefix, name] = split(tag)
    const element = {
      namespace: namespaceOf(prefix, namespaces),
      name,
      attributes: expanded(written, namespaces),
      children: [],
      text: '',
    }
    for (const [key, value] of element.attributes) if (ID_NAMES.has(key)) this.#noteId(value)
    const parent = this.#open.at(-1)
    if (parent === undefined) this.#root = element
    else parent.element.children.push(element)
    if (empty === undefined) this.#open.push({ tag, namespaces, element, hasComment: false })
  }

  /** XML Signature refers to elements by them: one that is there twice has another element verified than is read. */
  #noteId(value: string): void {
    if (this.#ids.has(value)) throw new XmlError('has an ID twice')
    this.#ids.add(value)
  }

  #endTag(): void {
    const [, tag] = this.#match(END_TAG) ?? []
    const open = this.#open.pop()
    if (open === undefined || open.tag !== tag) throw new XmlError('is not well-formed')
    const { children, text } = open.element
    const hasText = text.trim() !== ''
    if (hasText && (children.length > 0 || open.hasComment)) throw new XmlError('has text beside elements or comments')
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) return undefined
    this.#at = pattern.lastIndex
    return found
  }
}

function attributesOf(list: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, name = '', quoted = ''] of list.matchAll(ATTRIBUTE)) {
    if (found.has(name) || found.size >= MAX_ATTRIBUTES) throw new XmlError('has an attribute twice, or too many')
    // XML 1.0, section 3.3.3.
    found.set(name, resolved(quoted.slice(1, -1).replace(/[\t\n]/g, ' ')))
  }
  return found
}

function declared(
  written: ReadonlyMap<string, string>,
  outer: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const own = [...written].filter(([name]) => name === 'xmlns' || name.startsWith('xmlns:'))
  if (own.length === 0) return outer
  const all = new Map(outer)
  for (const [name, uri] of own) {
    const prefix = name === 'xmlns' ? '' : name.slice(6)
    const isReserved = prefix === 'xml' || prefix === 'xmlns' || [XML_NAMESPACE, XMLNS_NAMESPACE].includes(uri)
    if (isReserved || (prefix !== '' && uri === '')) throw new XmlError('declares a reserved namespace')
    all.set(prefix, uri)
  }
  // Each element with declarations copies those around it.
  if (all.size > MAX_NAMESPACES) throw new XmlError('declares too many namespaces')
  return all
}

function expanded(
  written: ReadonlyMap<string, string>,
  namespaces: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const all = new Map<string, string>()
  for (const [name, value] of written) {
    if (name === 'xmlns' || name.startsWith('xmlns:')) continue
    const [prefix, local] = split(name)
    // A default namespace is not one of attributes (Namespaces in XML 1.0, section 6.2).
    const key = prefix === '' ? local : `{${namespaceOf(prefix, namespaces)}}${local}`
    if (all.has(key)) throw new XmlError('has an attribute twice, or too many')
    all.set(key, value)
  }
  return all
}

function namespaceOf(prefix: string, namespaces: ReadonlyMap<string, string>): string {
  const uri = namespaces.get(prefix)
  if (uri === undefined) throw new XmlError('has a prefix without a namespace')
  return uri
}

function split(name: string): readonly [prefix: string, local: string] {
  const at = name.indexOf(':')
  return at < 0 ? ['', name] : [name.slice(0, at), name.slice(at + 1)]
}

/** References (XML 1.0, section 4.1): to characters, and to the five predefined entities. */
function resolved(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&([^;&]{0,12};?)/g, (_all, reference: string) => {
    const known = ENTITIES.get(reference)
    if (known !== undefined) return known
    const [, hex, decimal] = /^#(?:x([\da-fA-F]{1,6})|(\d{1,7}));$/.exec(reference) ?? []
    const code = hex === undefined ? Number(decimal ?? Number.NaN) : Number.parseInt(hex, 16)
    if (!(code <= 0x10_ffff)) throw new XmlError('refers to an entity')
    const char = String.fromCodePoint(code)
    if (ILLEGAL.test(char) || !isWellFormed(char)) throw new XmlError('has characters that XML does not allow')
    return char
  })
}

const NAME = '[A-Za-z_][\\w.-]{0,127}(?::[A-Za-z_][\\w.-]{0,127})?'
const VALUE = `"[^"<]*"|'[^'<]*'`
const DECLARATION =
  /<\?xml\s+version\s*=\s*["']1\.0["'](?:\s+encoding\s*=\s*["']([A-Za-z][\w.-]*)["'])?(?:\s+standalone\s*=\s*["'](?:yes|no)["'])?\s*\?>/y
const START_TAG = new RegExp(`<(${NAME})((?:\\s+${NAME}\\s*=\\s*(?:${VALUE}))*)\\s*(/)?>`, 'y')
const END_TAG = new RegExp(`</(${NAME})\\s*>`, 'y')
const ATTRIBUTE = new RegExp(`(${NAME})\\s*=\\s*(${VALUE})`, 'g')
// oxlint-disable-next-line no-control-regex -- XML 1.0, section 2.2
const ILLEGAL = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['amp;', '&'],
  ['lt;', '<'],
  ['gt;', '>'],
  ['quot;', '"'],
  ['apos;', "'"],
])
const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace'
const XMLNS_NAMESPACE = 'http://www.w3.org/2000/xmlns/'
const PREDEFINED: ReadonlyMap<string, string> = new Map([
  ['', ''],
  ['xml', XML_NAMESPACE],
])
/** What XML Signature may refer to. */
const ID_NAMES: ReadonlySet<string> = new Set(['ID', 'Id', 'id', 'AssertionID', `{${XML_NAMESPACE}}id`])
const MAX_DEPTH = 32
const MAX_ELEMENTS = 20_000
const MAX_ATTRIBUTES = 64
/** In scope at one element. */
const MAX_NAMESPACES = 64
