import { describe, expect, it } from 'vitest'
import { maskingKinds, type CustomKind } from '../../../src/policy/policy.ts'
import { StreamMasking } from '../../../src/host/output/stream-masking.ts'

const KEYS = { session: Buffer.alloc(32, 1), target: Buffer.alloc(32, 2) }

describe('what a byte costs', () => {
  /** Characters that detectors look at; a pattern of a rule sees all that the others do. */
  function scanned(bytes: Buffer, perChunk: number, flushes: boolean): number {
    let sum = 0
    const counting: CustomKind = { name: 'count', pattern: 'never', find: (text) => ((sum += text.length), []) }
    const kinds = [...maskingKinds, counting].map((kind) => ({ kind, style: 'redact', hashScope: 'session' }) as const)
    const masking = new StreamMasking({ kinds, keys: KEYS, keepWidth: true })
    for (let at = 0; at < bytes.length; at += perChunk) {
      masking.push(bytes.subarray(at, at + perChunk))
      if (flushes) masking.flush()
    }
    masking.flush()
    return sum
  }
  const TEXTS: readonly (readonly [string, (length: number) => string])[] = [
    ['a token that does not end', (length) => `eyJ${'a'.repeat(length)}`],
    ['one longer than any', (length) => `eyJ${'a'.repeat(length)}`.repeat(8)],
    ['tokens without end', (length) => 'eyJ.'.repeat(length / 4)],
    ['letters', (length) => 'a'.repeat(length)],
    ['digits', (length) => '41 '.repeat(length / 3)],
    ['capitals', (length) => 'AB12 '.repeat(length / 5)],
    ['addresses', (length) => '1.2:3.'.repeat(length / 6)],
    ['signs', (length) => 'a@b.'.repeat(length / 4)],
    ['dashes', (length) => '-----BEGIN '.repeat(length / 11)],
    ['a key', (length) => `-----BEGIN PRIVATE KEY-----\n${'a'.repeat(length)}`],
    ['words', (length) => 'some words, '.repeat(length / 12)],
    ['a control string', (length) => `\x1b_${'eyJa'.repeat(length / 4)}`],
    ['sequences', (length) => 'e\x1b[1Cy\x1b[1mJ\u009b1m'.repeat(length / 16)],
    ['repeats', (length) => '1\x1b[999b'.repeat(length / 7)],
    ['sequences that do not end', (length) => `\x1b[${'0;'.repeat(length / 2)}`],
    ['all that terminals differ in', (length) => 'e\x1b[9by\x1b]RJ\u009b1mx\x1b[1C'.repeat(length / 20)],
    ['marks', (length) => `e${'\u0301'.repeat(length / 2)}`],
  ]

  it.each(TEXTS)('%s: however much there is, and however it comes', (_, text) => {
    for (const [perChunk, flushes, most] of [
      [1, false, 120],
      [7, false, 120],
      [1, true, 3000],
      [4096, false, 20],
    ] as const)
      for (const length of [6000, 12_000]) {
        const bytes = Buffer.from(text(length))
        expect(scanned(bytes, perChunk, flushes) / bytes.length, `${perChunk} ${length}`).toBeLessThan(most)
      }
  })
})
