import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { draftOf } from '../../../../src/protocols/http/gateway/command-draft.ts'
import { readCommand, type HttpCommand } from '../../../../src/protocols/http/gateway/read-command.ts'

const session = {
  masking: { kinds: [] },
  commitment: () => 'C',
} as unknown as Parameters<typeof draftOf>[1]
const MiB = 1024 * 1024
const TYPE = ['content-type', 'application/json'] as const

it.each<[string, readonly (readonly [string, string])[], Buffer, boolean]>([
  ['short JSON', [TYPE], Buffer.from('{}'), true],
  ['JSON of 2 MiB', [TYPE], Buffer.from(`{"a":"${'x'.repeat(2 * MiB)}"}`), false],
  ['compressed JSON', [TYPE, ['content-encoding', 'gzip']], gzipSync('{"a":1}'), true],
  ['compressed JSON of 2 MiB', [TYPE, ['content-encoding', 'gzip']], gzipSync(`{"a":"${'x'.repeat(2 * MiB)}"}`), false],
])('people can be asked about what they can be shown: %s', (_name, headers, bytes, can) => {
  const read = (): HttpCommand =>
    readCommand({ version: '1.1', method: 'PUT', target: '/a', headers }, undefined, bytes, {
      passed: [...headers],
      description: undefined,
      encodedSlashes: false,
      maxBody: 8 * MiB,
    })
  const { tooLarge, text } = draftOf(read(), session, read)
  expect(tooLarge?.code).toBe(can ? undefined : 'MESSAGE_TOO_LARGE')
  expect(text.includes('"a"') || bytes.length === 2).toBe(can)
})
