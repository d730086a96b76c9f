import { expect, it } from 'vitest'
import type { HttpCommand } from '../../../../src/protocols/http/gateway/read-command.ts'
import { tellsByNoMatch, unlessGuessed } from '../../../../src/protocols/http/gateway/preconditions.ts'
import type { Header } from '../../../../src/protocols/http/wire/headers.ts'

const NOTHING = { columns: [], kinds: [] }
const KINDS = { columns: [], kinds: [{ kind: 'email', style: 'redact', hashScope: 'session' }] } as const
const refusalOf = (masking: typeof NOTHING | typeof KINDS, ...headers: Header[]): string | undefined =>
  sent('GET', masking, headers)
const sent = (method: string, masking: typeof NOTHING | typeof KINDS, headers: Header[]): string | undefined =>
  unlessGuessed({ head: { method }, headers, refusal: undefined } as unknown as HttpCommand, { masking }).refusal?.code

it('refuses conditions by tags where values are masked', () => {
  expect(refusalOf(KINDS, ['if-match', '"a"'])).toBe('MASKING_REFUSED')
  expect(refusalOf(KINDS, ['if-match', '*'], ['if-match', '"a"'])).toBe('MASKING_REFUSED')
  expect(refusalOf(KINDS, ['if-match', ' * '])).toBeUndefined()
  expect(refusalOf(KINDS, ['if-none-match', '"a"'])).toBeUndefined()
  expect(sent('PUT', KINDS, [['if-none-match', '"a"']])).toBe('MASKING_REFUSED')
  expect(sent('PUT', KINDS, [['if-none-match', '*']])).toBeUndefined()
  expect(refusalOf(NOTHING, ['if-match', '"a"'])).toBeUndefined()
})

it('knows an If-None-Match that tells of a body', () => {
  expect([
    tellsByNoMatch('GET', ['if-none-match', '"a"']),
    tellsByNoMatch('HEAD', ['if-none-match', '*, "a"']),
    tellsByNoMatch('GET', ['if-none-match', '*']),
    tellsByNoMatch('GET', ['accept', '"a"']),
    tellsByNoMatch('PUT', ['if-none-match', '"a"']),
  ]).toEqual([true, true, false, false, false])
})
