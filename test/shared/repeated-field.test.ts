import { expect, it } from 'vitest'
import { repeatedField } from '../../src/shared/repeated-field.ts'

it.each([
  [['Host', 'a', 'x', 'b', 'HOST', 'a'], 'host'],
  [['Authorization', 'DPoP a', 'authorization', ''], 'authorization'],
  [['content-type', 'a', 'Content-Type', 'b'], 'content-type'],
  [['host', 'a', 'cookie', 'b', 'cookie', 'c', 'accept', 'd', 'accept', 'e'], undefined],
  [[], undefined],
])('%j has twice: %s', (rawHeaders, name) => {
  expect(repeatedField(rawHeaders)).toBe(name)
})
