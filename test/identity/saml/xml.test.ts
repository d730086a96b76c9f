import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readXml, XmlError, type XmlElement } from '../../../src/identity/saml/xml.ts'
import { sampledRuns } from '../../helpers/sampled.ts'

const read = (text: string, allowComments = false): XmlElement => readXml(text, { maxLength: 100_000, allowComments })

const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)

interface Tree {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly Tree[]
  readonly text: string
}

const written = ({ name, attributes, children, text }: Tree): string =>
  `<n:${name}${Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${escaped(value)}"`)
    .join('')}>${children.length > 0 ? children.map(written).join('\n') : escaped(text)}</n:${name}>`

const reread = ({ name, attributes, children, text }: XmlElement): Tree => ({
  name,
  attributes: Object.fromEntries(attributes),
  children: children.map(reread),
  text: children.length > 0 ? '' : text,
})

const name = fc.stringMatching(/^[A-Za-z_][\w.-]{0,8}$/)
const value = fc.string({ unit: fc.constantFrom(...'aZ 09&<>"\'é€😀]') })
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc
    .record({
      name,
      attributes: fc.dictionary(
        // Neither a declaration of a namespace nor an ID, of which there is one each.
        name.filter((text) => !/^xml|^id$|^AssertionID$/i.test(text)),
        value,
        { maxKeys: 3, noNullPrototype: true },
      ),
      children: fc.oneof({ maxDepth: 3 }, fc.constant([]), fc.array(tie('tree'), { maxLength: 3 })),
      text: value,
    })
    .map((one) => (one.children.length > 0 ? { ...one, text: '' } : one)),
}))

describe('a document', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(tree, (one) => {
        const text = written(one).replace('>', ' xmlns:n="urn:n">')
        expect(reread(read(text))).toEqual(one)
      }),
      { numRuns: 200 },
    )
  })

  it('that is cut or changed anywhere is either read or refused', () => {
    const text =
      '<?xml version="1.0" encoding="UTF-8"?><a xmlns="urn:a" xmlns:b="urn:b"><b:c d="&amp;x">t&#x41;</b:c><e/></a>'
    const change = fc.tuple(
      fc.nat(text.length),
      fc.nat(4),
      fc.string({ maxLength: 3, unit: fc.constantFrom(...'<>&/!?"=:a -\u0000') }),
    )
    fc.assert(
      fc.property(change, ([at, cut, put]) => {
        try {
          read(text.slice(0, at) + put + text.slice(at + cut))
        } catch (error) {
          expect(error).toBeInstanceOf(XmlError)
        }
      }),
      { numRuns: sampledRuns(500) },
    )
  })

  it('has its namespaces resolved, on attributes too', () => {
    const { children, namespace } = read('<a xmlns="urn:1" xmlns:p="urn:2"><p:b p:x="1" x="2"/><b xmlns=""/></a>')
    expect(namespace).toBe('urn:1')
    expect(children.map((child) => [child.namespace, child.name])).toEqual([
      ['urn:2', 'b'],
      ['', 'b'],
    ])
    expect([...(children[0]?.attributes ?? [])]).toEqual([
      ['{urn:2}x', '1'],
      ['x', '2'],
    ])
  })

  it('is refused where many namespaces would be copied for each element', () => {
    const declarations = (from: number): string =>
      Array.from({ length: 40 }, (_, i) => ` xmlns:p${from + i}="urn:x"`).join('')
    expect(read(`<a${declarations(0)}><b/></a>`).children).toHaveLength(1)
    expect(() => read(`<a${declarations(0)}><b${declarations(40)}/></a>`)).toThrow(/too many namespaces/)
  })

  it('may have comments between elements where that is allowed', () => {
    expect(read('<!-- x --><a><!-- y --><b/></a><!-- z -->', true).children).toHaveLength(1)
    for (const text of ['<a>x<!-- --></a>', '<a><!-- -->x</a>', '<a>x<!-- -->y</a>'])
      expect(() => read(text, true)).toThrow(/text beside/)
  })

  it.each([
    ['an entity', '<a>&x;</a>'],
    ['an unended reference', '<a>&amp</a>'],
    ['a name that every object has', '<a>&constructor</a>'],
    ['the name of what objects inherit from', '<a>&__proto__</a>'],
    ['a reference to NUL', '<a>&#0;</a>'],
    ['a reference beyond Unicode', '<a>&#x110000;</a>'],
    ['a reference to half of a character', '<a>&#xD800;</a>'],
    ['two roots', '<a/><b/>'],
    ['no root', '  '],
    ['an unended element', '<a>'],
    ['an end without a beginning', '</a>'],
    ['ends out of order', '<a><b></a></b>'],
    ['an end of another prefix', '<p:a xmlns:p="u" xmlns:q="u"></q:a>'],
    ['text after the root', '<a/>x'],
    ['an attribute twice', '<a x="1" x="2"/>'],
    ['an attribute twice by its namespace', '<a xmlns:p="u" xmlns:q="u" p:x="1" q:x="2"/>'],
    ['an undeclared prefix', '<p:a/>'],
    ['an undeclared prefix of an attribute', '<a p:x="1"/>'],
    ['another meaning for the prefix xml', '<a xmlns:xml="urn:x"/>'],
    ['a prefix without a meaning', '<a xmlns:p=""/>'],
    ['an attribute without quotes', '<a x=1/>'],
    ['a less-than in an attribute', '<a x="<"/>'],
    ['no blank between attributes', '<a x="1"y="2"/>'],
    ['the end of CDATA', '<a>]]></a>'],
    ['a declaration that is not first', ' <?xml version="1.0"?><a/>'],
    ['XML 1.1', '<?xml version="1.1"?><a/>'],
    ['a name beyond ASCII', '<é/>'],
    ['a control character', '<a>\u0001</a>'],
  ])('with %s is refused', (_what, text) => {
    expect(() => read(text)).toThrow(XmlError)
  })
})
