import { expect, it } from 'vitest'
import { readableParameter } from '../../../../../src/protocols/postgres/gateway/pipeline/readable-parameter.ts'

it.each<[string, string, 0 | 1, number, string]>([
  ['text, whatever the type', Buffer.from('12').toString('hex'), 0, 23, '12'],
  ['binary text', Buffer.from('grüße').toString('hex'), 1, 25, 'grüße'],
  ['binary varchar', Buffer.from('x').toString('hex'), 1, 1043, 'x'],
  ['int2', 'fffe', 1, 21, '-2'],
  ['int4', '80000000', 1, 23, '-2147483648'],
  ['int8', '7fffffffffffffff', 1, 20, '9223372036854775807'],
  ['true', '01', 1, 16, 'true'],
  ['false', '00', 1, 16, 'false'],
  ['an int4 of another length', '0001', 1, 23, '\\x0001'],
  ['a type that is not simple', '00ff', 1, 1700, '\\x00ff'],
  ['a type that nobody named', '31', 1, 0, '\\x31'],
  ['nothing', '', 1, 17, '\\x'],
])('%s', (_, bytes, format, type, text) => {
  expect(readableParameter(Buffer.from(bytes, 'hex'), format, type)).toBe(text)
})
