import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventJson } from '../../src/recording/event-json.ts'
import type { CommandEvent, ResultEvent } from '../../src/recording/event.ts'

const text = fc.string({ unit: 'binary', maxLength: 20 })
const id = fc.stringMatching(/^[a-z]{3}_[0-9a-z]{13}$/)
const names = fc.array(text, { maxLength: 3 })
const perhaps = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })

/** Every field that the type has must stand here, in the order of its declaration. */
type Fields<Event> = { [Name in keyof Required<Event>]: fc.Arbitrary<Event[Name]> }

const command: Fields<CommandEvent> = {
  type: fc.constant('command'),
  id,
  verdict: fc.constantFrom('allow', 'deny', 'hold'),
  rule: perhaps(text),
  code: perhaps(text),
  message: perhaps(text),
  text,
  apart: perhaps(fc.record({ id, sha256: text })),
  parameters: perhaps(fc.array(fc.option(text), { maxLength: 3 })),
  digest: fc.stringMatching(/^[0-9a-f]{64}$/),
  kinds: names,
  reads: names,
  writes: names,
  unknown: perhaps(names),
}
const result: Fields<ResultEvent> = {
  type: fc.constant('result'),
  command: id,
  tag: perhaps(text),
  rows: fc.nat(),
  bytes: fc.maxSafeNat(),
  durationMs: fc.nat(),
  error: perhaps(text),
}
const header = fc.record({ seq: fc.nat(), at: fc.constant('2026-01-02T03:04:05.678Z'), ms: fc.nat() })

describe('an event as JSON', () => {
  it('is what JSON.stringify makes of it, byte for byte', () => {
    const any = fc.oneof(
      fc.record(command),
      fc.record(result),
      fc.record({ type: fc.constant('notice'), message: text }),
    )
    fc.assert(
      fc.property(header, any, (head, body) => {
        const event = body as CommandEvent
        expect(eventJson(head, event)).toBe(JSON.stringify({ ...head, ...event }))
        // What a list is written as is known the second time.
        expect(eventJson(head, event)).toBe(JSON.stringify({ ...head, ...event }))
      }),
    )
  })
})
