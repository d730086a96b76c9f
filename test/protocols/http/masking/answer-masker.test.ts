import { describe, expect, it } from 'vitest'
import type { MaskedKind, MaskingPlan } from '../../../../src/masking/plan.ts'
import type { DescribedRequest } from '../../../../src/protocols/http/facts/described-request.ts'
import { answerMasker, maskHeader } from '../../../../src/protocols/http/masking/answer-masker.ts'
import { parsePointerPattern } from '../../../../src/shared/field-path.ts'

const hashKeys = { session: Buffer.alloc(32, 1), target: Buffer.alloc(32, 2) }
const EMAIL: MaskedKind = { kind: 'email', style: 'partial', hashScope: 'session' }
const KINDS: MaskingPlan = { columns: [], kinds: [EMAIL] }
const pointers = (...fields: string[]): MaskingPlan => ({
  columns: [],
  kinds: [],
  pointers: fields.map((name) => {
    const pattern = parsePointerPattern(name)
    if (pattern === undefined) throw new Error(`${name} is no field`)
    return { name, ...pattern, style: 'redact', hashScope: 'session' }
  }),
})

interface MadeFor {
  readonly status?: number
  readonly segments?: readonly string[]
  readonly described?: DescribedRequest
}
function made(
  masking: MaskingPlan,
  type: string | readonly string[],
  { status = 200, segments = ['a'], described }: MadeFor = {},
) {
  return answerMasker(
    { status, contentTypes: typeof type === 'string' ? [type] : type, request: { segments, described } },
    { masking, hashKeys },
  )
}
function shown(type: string, body: string | Buffer, masking = KINDS): Buffer {
  const masker = made(masking, type)
  if (masker === 'as it is' || 'refuse' in masker) throw new Error('not masked')
  return Buffer.concat([masker.mask(Buffer.from(body as string)), masker.end()])
}

const PNG = Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01', 'latin1')

describe('answers', () => {
  it('that are forms keep their other fields', () => {
    expect(shown('application/x-www-form-urlencoded', 'a=1&mail=jane%40example.com&b=x+y').toString()).toBe(
      'a=1&mail=j***@***.com&b=x+y',
    )
  })

  it('pass as they are where nothing is masked', () => {
    expect(made({ columns: [], kinds: [] }, 'video/x-whatever', { status: 206 })).toBe('as it is')
    expect(made(pointers('/b:/x'), 'text/html')).toBe('as it is')
  })

  it.each([
    ['constructor'],
    ['__proto__'],
    ['application/octet-stream'],
    ['application/pdf'],
    ['application/zip'],
    ['application/grpc'],
    ['application/x-protobuf'],
    ['multipart/mixed; boundary=x'],
    ['multipart/byteranges; boundary=x'],
    ['text/vcard'],
    ['text/plain; charset=utf-16'],
    ['text/plain; charset=utf-7'],
    ['text/html; charset="shift_jis"'],
    ['text/html; charset=utf-16; charset=utf-8'],
    ['image/png, text/html'],
    ['application/json; charset=utf-16le'],
    ['application/json; charset=iso-8859-1'],
    ['text/event-stream; charset=windows-1252'],
    [''],
    ['image/unheard-of'],
    [['text/plain', 'text/html']],
  ])('of what cannot be read are refused where anything is masked: %j', (type) => {
    expect(made(KINDS, type)).toMatchObject({ refuse: expect.stringMatching(/^values are masked here/) })
  })

  it('of a part are refused: a value may be cut at its ends', () => {
    expect(made(KINDS, 'text/plain', { status: 206 })).toHaveProperty('refuse')
  })

  it('of another type than JSON are refused where a field is masked, on every path that some server takes for the route', () => {
    const plan = pointers('/customers/{id}:/email')
    for (const segments of [
      ['customers', '7'],
      ['Customers', '7'],
      ['customers', '7', ''],
      ['customers', '7.json'],
    ]) {
      expect(made(plan, 'text/html', { segments })).toHaveProperty('refuse')
      expect(made(plan, 'image/png', { segments })).toHaveProperty('refuse')
      expect(made(plan, 'application/json', { segments })).toHaveProperty('changes', true)
    }
    expect(made(plan, 'text/html', { segments: ['customers'] })).toBe('as it is')
    expect(
      answerMasker(
        { status: 200, contentTypes: ['text/html'], request: { segments: undefined, described: undefined } },
        { masking: plan, hashKeys },
      ),
    ).toHaveProperty('refuse')
  })

  it('are masked by operation: of whatever some server may take the request for, and of what the document does not have', () => {
    const plan = pointers('getCustomer:/email')
    const operation = (name: string) => ({ name, tags: [], isSafe: true })
    const asks = (described: DescribedRequest | undefined) =>
      made(plan, 'application/json', described === undefined ? {} : { described }) !== 'as it is'
    const known = { alternatives: [], unknown: undefined }
    expect(asks({ ...known, operation: operation('getCustomer') })).toBe(true)
    expect(asks({ ...known, operation: operation('getOrder') })).toBe(false)
    expect(asks({ ...known, operation: operation('getOrder'), alternatives: [operation('getCustomer')] })).toBe(true)
    expect(asks({ operation: undefined, alternatives: [], unknown: 'no such path' })).toBe(true)
    expect(asks(undefined)).toBe(false)
  })

  it('that are images pass as they are where their bytes agree, and hold no text with a value', () => {
    expect(shown('image/png', PNG)).toEqual(PNG)
    expect(made(KINDS, 'image/png')).toMatchObject({ changes: false })
    const pixels = Buffer.concat([PNG, Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7919) % 256))])
    expect(shown('image/png', pixels)).toEqual(pixels)
    for (const body of ['jane@example.com, as a text', 'short', `GIF89a jane.doe@example.com`])
      expect(() => shown('image/png', body)).toThrow(/does not begin as image\/png does/)
    for (const body of [
      Buffer.concat([PNG, Buffer.from('\0 by jane.doe@example.com\0')]),
      Buffer.concat([PNG, Buffer.from('x'.repeat(9000) + ' by jane.doe@example.com')]),
      Buffer.from('GIF89a, and jane.doe@example.com'),
    ])
      expect(() => shown(body[0] === 0x89 ? 'image/png' : 'image/gif', body)).toThrow(/with a value in it/)
  })

  it('that are images are looked at across the borders of their pieces', () => {
    const masker = made(KINDS, 'image/png')
    if (masker === 'as it is' || 'refuse' in masker) throw new Error('not masked')
    const bytes = Buffer.concat([PNG, Buffer.from('\0 by jane.doe@example.com\0')])
    expect(() => {
      for (const byte of bytes) masker.mask(Buffer.from([byte]))
    }).toThrow(/with a value in it/)
  })

  it.each(['utf16le', 'utf16be', 'utf32le', 'utf32be'])(
    'that are images are looked at for texts in %s, cut anywhere',
    (encoding) => {
      const wide = encoding.startsWith('utf16') ? 2 : 4
      const characters = [...'\xff by jane.doe@example.com'].map((sign) => {
        const bytes = Buffer.alloc(wide)
        bytes[encoding.endsWith('le') ? 0 : wide - 1] = sign.charCodeAt(0)
        return bytes
      })
      const bytes = Buffer.concat([PNG, Buffer.from('Exif\0'), ...characters])
      for (const size of [1, 7, 64, 1000]) {
        const masker = made(KINDS, 'image/png')
        if (masker === 'as it is' || 'refuse' in masker) throw new Error('not masked')
        expect(() => {
          for (let at = 0; at < bytes.length; at += size) masker.mask(bytes.subarray(at, at + size))
          masker.end()
        }).toThrow(/with a value in it/)
      }
      const harmless = Buffer.concat([PNG, ...characters.slice(0, -14)])
      expect(shown('image/png', harmless)).toEqual(harmless)
    },
  )

  it('of two bytes for each character are refused, whatever they say', () => {
    for (const encoding of ['utf16le', 'utf16be'] as const) {
      const text = Buffer.from('jane@example.com', 'utf16le')
      expect(() => shown('text/plain', encoding === 'utf16le' ? text : text.swap16())).toThrow(/control characters/)
    }
  })

  it('in Latin-1 stay so', () => {
    const bytes = Buffer.from('caf\xe9: j\xf6rg@example.com!', 'latin1')
    expect(shown('text/plain; charset=iso-8859-1', bytes).toString('latin1')).toBe('caf\xe9: j***@***.com!')
    expect(shown('text/plain', bytes).toString('latin1')).toBe('caf\xe9: j***@***.com!')
  })

  it('with a character that is written with any number of zeros are refused', () => {
    expect(() => shown('text/html', `<p>jane&#${'0'.repeat(100)}64;example.com</p>`)).toThrow(
      /escape in the answer is too long/,
    )
    expect(shown('text/html', `<p>jane&#${'0'.repeat(40)}64;example.com</p>`).toString()).toBe('<p>j***@***.com</p>')
  })

  it('in XML that declare entities are refused', () => {
    expect(() => shown('application/xml', '<!DOCTYPE a [<!ENTITY at "@">]><a>jane&at;example.com</a>')).toThrow(
      /entities/,
    )
    expect(shown('application/xml', '<!DOCTYPE a SYSTEM "a.dtd"><a>x</a>').toString()).toContain('<a>x</a>')
  })

  it('have headers with values hidden, also in URLs', () => {
    const header = (value: string, name = 'x-any'): string => maskHeader(name, value, { masking: KINDS, hashKeys })
    expect(header('/people?mail=jane%40example.com&x=1', 'location')).toBe('/people?mail=j***@***.com&x=1')
    expect(header('/people/jane@example.com', 'location')).toBe('/people/j***@***.com')
    expect(header('mail=jane%40example.com')).not.toContain('jane')
    expect(header('attachment; filename="jane@example.com.txt"')).toBe('attachment; filename="j***@***.txt"')
    expect(header('Fri, 01 Jan 2027 00:00:00 GMT')).toBe('Fri, 01 Jan 2027 00:00:00 GMT')
  })
})
