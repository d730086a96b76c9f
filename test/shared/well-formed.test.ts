import { expect, it } from 'vitest'
import { isWellFormed, toWellFormed } from '../../src/shared/well-formed.ts'

it.each([
  ['', ''],
  ['é😀\ufffd', 'é😀\ufffd'],
  ['\udcff', '\ufffd'],
  ['\ud83d', '\ufffd'],
  ['😀\udcff', '😀\ufffd'],
  ['\ude00\ud83d', '\ufffd\ufffd'],
])('%j', (text, expected) => {
  expect(toWellFormed(text)).toBe(expected)
  expect(isWellFormed(text)).toBe(text === expected)
})
