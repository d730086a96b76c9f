import fc from 'fast-check'
import { parse } from 'pg-protocol'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { authentication } from '../../../../src/protocols/postgres/wire/authentication.ts'
import type { ErrorFields } from '../../../../src/protocols/postgres/wire/error-response.ts'
import { rewriteDataRow } from '../../../../src/protocols/postgres/wire/data-row.ts'
import { rowDescription } from '../../../../src/protocols/postgres/wire/row-description.ts'
import {
  backendKeyData,
  encodeError,
  encodeMessage,
  encodeNotice,
  parameterStatus,
  readyForQuery,
} from '../../../../src/protocols/postgres/wire/server-message.ts'

/** What our codecs write for a client, and what the reader of node-postgres, which knows nothing of them, must see in it. */
interface Written {
  readonly bytes: Buffer
  readonly seen: Readonly<Record<string, unknown>>
}

const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((it) => !it.includes('\0'))
const oid = fc.nat(0xffff_ffff)
const int16 = fc.integer({ min: -32_768, max: 32_767 })

const FIELDS = {
  S: 'severity',
  C: 'code',
  M: 'message',
  D: 'detail',
  H: 'hint',
  P: 'position',
  W: 'where',
  s: 'schema',
  t: 'table',
  c: 'column',
  n: 'constraint',
} as const
const fields = fc.uniqueArray(fc.tuple(fc.constantFrom(...(Object.keys(FIELDS) as (keyof typeof FIELDS)[])), text), {
  selector: ([type]) => type,
})

const report = (name: string, encode: (fields: ErrorFields) => Buffer): fc.Arbitrary<Written> =>
  fields.map((pairs) => ({
    bytes: encode(new Map(pairs)),
    seen: { name, ...Object.fromEntries(pairs.map(([type, value]) => [FIELDS[type], value])) },
  }))

/** A row as a server writes it, of which we have replaced the values that have a replacement. */
const dataRow: fc.Arbitrary<Written> = fc
  .array(fc.record({ value: fc.option(text), replacement: fc.option(fc.option(text), { nil: undefined }) }), {
    maxLength: 6,
  })
  .map((columns) => {
    const parts = columns.map(({ value }) => {
      const body = Buffer.from(value ?? '')
      const length = Buffer.alloc(4)
      length.writeInt32BE(value === null ? -1 : body.length)
      return Buffer.concat([length, body])
    })
    const header = Buffer.alloc(7)
    header.write('D')
    header.writeUInt32BE(6 + Buffer.concat(parts).length, 1)
    header.writeUInt16BE(columns.length, 5)
    const rewrites = columns.map(({ replacement }) =>
      replacement === undefined ? undefined : () => (replacement === null ? null : Buffer.from(replacement)),
    )
    return {
      bytes: rewriteDataRow(Buffer.concat([header, ...parts]), rewrites),
      seen: {
        name: 'dataRow',
        fields: columns.map(({ value, replacement }) => (replacement === undefined ? value : replacement)),
      },
    }
  })

const MESSAGES: Readonly<Record<string, fc.Arbitrary<Written>>> = {
  ErrorResponse: report('error', encodeError),
  NoticeResponse: report('notice', encodeNotice),
  DataRow: dataRow,
  RowDescription: fc
    .array(
      fc.record({
        name: text,
        tableOid: oid,
        attribute: int16,
        typeOid: oid,
        typeSize: int16,
        typeModifier: fc.integer(),
        format: fc.nat(1),
      }),
      { maxLength: 6 },
    )
    .map((columns) => ({
      bytes: encodeMessage(rowDescription, { type: 'row-description', columns }),
      seen: {
        name: 'rowDescription',
        fields: columns.map((column) => ({
          name: column.name,
          tableID: column.tableOid,
          columnID: column.attribute,
          dataTypeID: column.typeOid,
          dataTypeSize: column.typeSize,
          dataTypeModifier: column.typeModifier,
          format: column.format === 0 ? 'text' : 'binary',
        })),
      },
    })),
  ParameterStatus: fc.tuple(text, text).map(([name, value]) => ({
    bytes: parameterStatus(name, value),
    seen: { name: 'parameterStatus', parameterName: name, parameterValue: value },
  })),
  BackendKeyData: fc.tuple(fc.nat(), fc.integer()).map(([processID, secretKey]) => {
    const key = Buffer.alloc(4)
    key.writeInt32BE(secretKey)
    return { bytes: backendKeyData(processID, key), seen: { name: 'backendKeyData', processID, secretKey } }
  }),
  ReadyForQuery: fc
    .constantFrom('I' as const, 'T' as const, 'E' as const)
    .map((status) => ({ bytes: readyForQuery(status), seen: { name: 'readyForQuery', status } })),
  Authentication: fc.oneof(
    fc
      .constantFrom(['ok', 'authenticationOk'], ['cleartext-password', 'authenticationCleartextPassword'])
      .map(([method, name]): Written => ({
        bytes: encodeMessage(authentication, { type: 'authentication', method } as never),
        seen: { name },
      })),
    fc.uint8Array({ minLength: 4, maxLength: 4 }).map((array): Written => {
      const salt = Buffer.from(array)
      return {
        bytes: encodeMessage(authentication, { type: 'authentication', method: 'md5-password', salt }),
        seen: { name: 'authenticationMD5Password', salt },
      }
    }),
    fc
      .array(
        text.filter((name) => name !== ''),
        { maxLength: 5 },
      )
      .map((mechanisms): Written => ({
        bytes: encodeMessage(authentication, { type: 'authentication', method: 'sasl', mechanisms }),
        seen: { name: 'authenticationSASL', mechanisms },
      })),
    fc
      .constantFrom(
        ['sasl-continue', 'authenticationSASLContinue'] as const,
        ['sasl-final', 'authenticationSASLFinal'] as const,
      )
      .chain(([method, name]) =>
        text.map((data): Written => ({
          bytes: encodeMessage(authentication, { type: 'authentication', method, data: Buffer.from(data) }),
          seen: { name, data },
        })),
      ),
  ),
}

/** Everything the reader sees in a stream that arrives in these chunks. */
async function read(chunks: readonly Buffer[]): Promise<unknown[]> {
  const seen: unknown[] = []
  // Copied at once: an error's message is no field that is enumerated, and bytes are a view of a buffer that is used again.
  await parse(Readable.from(chunks, { objectMode: false }), (message) => {
    const copies = Object.entries(message).map(([key, value]) => [
      key,
      Buffer.isBuffer(value) ? Buffer.from(value) : value,
    ])
    seen.push({ ...(message instanceof Error ? { message: message.message } : {}), ...Object.fromEntries(copies) })
  })
  return seen
}

describe('a reader that is not ours', () => {
  it.each(Object.entries(MESSAGES))('sees in %s what was written', async (_, message) => {
    await fc.assert(
      fc.asyncProperty(message, async ({ bytes: written, seen }) => {
        expect(await read([written])).toEqual([expect.objectContaining({ ...seen, length: written.length - 1 })])
      }),
    )
  })

  it('finds every border between messages, wherever the stream is cut', async () => {
    const any = fc.oneof(...Object.values(MESSAGES))
    await fc.assert(
      fc.asyncProperty(fc.array(any, { minLength: 1, maxLength: 8 }), fc.nat(), async (messages, cut) => {
        const stream = Buffer.concat(messages.map((message) => message.bytes))
        const at = cut % (stream.length + 1)
        expect(await read([stream.subarray(0, at), stream.subarray(at)])).toEqual(
          messages.map(({ seen }) => expect.objectContaining(seen)),
        )
      }),
    )
  })
})
