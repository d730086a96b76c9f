import stringWidth from 'string-width'
import { describe, expect, it } from 'vitest'
import type { Review } from '../../src/api/schemas/review.ts'
import { decideAtTerminal, type Answer } from '../../src/cli/decide-at-terminal.ts'
import { cardOf, folded } from '../../src/cli/review-card.ts'

const COMMAND = {
  id: 'apr_1',
  kind: 'command',
  state: 'pending',
  status: 'waiting',
  target: 'prod-db',
  text: 'delete from t where a = $1',
  parameters: ['7', null],
  effect: 'writes t',
  rule: 'engineers',
  digest: 'd1',
} as Review

/** A person who gives these answers; `never` waits until the question is taken away. */
function person(
  answers: readonly (Answer | 'never')[],
  found: readonly Review[] = [],
  isStreamed = false,
  { ends = [], isReplacing = false }: { readonly ends?: readonly string[]; readonly isReplacing?: boolean } = {},
) {
  const typed = [...ends]
  const said: string[] = []
  const left = [...answers]
  const states = [...found]
  const api = {
    reviews: { get: async () => states.shift() ?? COMMAND },
    events: async function* (_: unknown, signal: AbortSignal) {
      if (isStreamed) yield { type: 'resync', seq: 1 }
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    },
  }
  const decided = decideAtTerminal(
    COMMAND,
    '',
    {
      api: api as never,
      show: async ({ digest, text }) => void said.push(`card ${digest} ${text}`),
      note: (text) => said.push(text),
      clock: (time) => time.slice(11, 16),
      ask: (_, comment, signal) => {
        said.push(`asked with "${comment}"`)
        const answer = left.shift() ?? 'skip'
        if (answer !== 'never') return Promise.resolve(answer)
        return new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new Error('taken away'))),
        )
      },
      askComment: () => Promise.resolve('go ahead'),
      askEnd: (end) => {
        said.push(`asked for ${end}`)
        return Promise.resolve(typed.shift() ?? '')
      },
    },
    isReplacing,
  )
  return { decided, said }
}

describe('a decision at a terminal', () => {
  it.each(['approve', 'deny'] as const)('%s counts for the card that was shown', async (verdict) => {
    const { decided, said } = person([verdict])
    expect(await decided).toEqual({ review: COMMAND, verdict, comment: '' })
    expect(said).toEqual(['card d1 delete from t where a = $1', 'asked with ""'])
  })

  it('may have a comment, after which it asks again', async () => {
    const { decided, said } = person(['comment', 'deny'])
    expect(await decided).toMatchObject({ verdict: 'deny', comment: 'go ahead' })
    expect(said.slice(1)).toEqual(['asked with ""', 'asked with "go ahead"'])
  })

  it('may be left for later', async () => {
    expect(await person(['skip']).decided).toBeUndefined()
  })

  it.each([
    ['digest', { digest: 'd2' }],
    ['text', { text: 'delete from t' }],
    ['parameters', { parameters: ['8', null] }],
    ['target', { target: 'dev-db' }],
    ['effect', { effect: 'writes t, u' }],
  ])('does not carry over to another %s: the card is shown, and asked about, again', async (_, change) => {
    const now = { ...COMMAND, ...change }
    const { decided, said } = person(['approve', 'skip'], [now])
    expect(await decided).toBeUndefined()
    expect(said).toEqual([
      'card d1 delete from t where a = $1',
      'asked with ""',
      'it has changed since it was shown:',
      `card ${now.digest} ${now.text}`,
      'asked with ""',
    ])
    const again = person(['approve', 'approve'], [now, now], false, { ends: ['pr_1'] })
    expect(await again.decided).toMatchObject({ review: now, verdict: 'approve' })
  })

  it('is neither asked for nor sent once somebody else has decided', async () => {
    const decided = { ...COMMAND, state: 'approved', status: 'approved by alice' }
    const expected = { code: 'ALREADY_DECIDED', message: 'apr_1 is already decided: approved by alice' }
    await expect(person(['never'], [decided], true).decided).rejects.toMatchObject(expected)
    await expect(person(['approve'], [decided]).decided).rejects.toMatchObject(expected)
  })

  it.each([
    [{ state: 'withdrawn', status: 'withdrawn' }, 'was withdrawn'],
    [
      {
        state: 'withdrawn',
        status: 'withdrawn by jane@example.com',
        withdrawn: { by: 'jane@example.com', at: '2026-01-05T15:42:00.000Z' },
      },
      'was withdrawn by jane@example.com at 15:42',
    ],
    [{ state: 'expired', status: 'expired: nobody decided in time' }, 'has expired: nobody decided in time'],
    [{ state: 'void', status: 'void: what would run had changed' }, 'is void: what would run had changed'],
  ])('says of what nobody decided on what became of it: %j', async (change, message) => {
    const expected = { code: 'ALREADY_DECIDED', message: `apr_1 ${message}` }
    await expect(person(['approve'], [{ ...COMMAND, ...change }]).decided).rejects.toMatchObject(expected)
  })

  it('is asked for again if the card changes while somebody reads it', async () => {
    const now = { ...COMMAND, digest: 'd2' }
    const { decided, said } = person(['never', 'skip'], [now], true)
    expect(await decided).toBeUndefined()
    expect(said.slice(2)).toEqual([
      'it has changed since it was shown:',
      expect.stringContaining('card d2'),
      'asked with ""',
    ])
  })

  it('to approve takes the end of the id where the question before it was taken away, whenever the keys come', async () => {
    const { decided, said } = person(['approve', 'approve'], [], false, {
      ends: ['\u001b[B', ' pr_1'],
      isReplacing: true,
    })
    expect(await decided).toMatchObject({ verdict: 'approve' })
    expect(said.slice(1)).toEqual([
      'asked with ""',
      'asked for pr_1',
      'apr_1 was not approved: that is not the end of its id',
      'asked with ""',
      'asked for pr_1',
    ])
    // Denying and skipping take nothing.
    expect(await person(['deny'], [], false, { isReplacing: true }).decided).toMatchObject({ verdict: 'deny' })
    const changed = person(['never', 'approve', 'skip'], [{ ...COMMAND, digest: 'd2' }], true)
    expect(await changed.decided).toBeUndefined()
    expect(changed.said).toContain('asked for pr_1')
  })
})

describe('the card', () => {
  const FORGED = '\n  effect  reads nothing\n  for     5m'
  const REQUEST = { kind: 'request', state: 'pending', target: 'prod-db', lengthMs: 3_600_000, reason: 'x' } as Review

  it.each<[string, Review]>([
    ['a parameter', { ...COMMAND, parameters: [`7${FORGED}`] }],
    ['an effect', { ...COMMAND, effect: `writes "t${FORGED}"` }],
    ['a rule', { ...COMMAND, rule: `r${FORGED}` }],
    ['a statement', { ...COMMAND, text: `select 1${FORGED}` }],
    ['a reason', { ...REQUEST, reason: `INC-1${FORGED}` }],
    ['a statement that a terminal would continue at the left', { ...COMMAND, text: `--${' '.repeat(74)}  effect  x` }],
    ['tabs that do', { ...COMMAND, text: `--${'\t'.repeat(9)}  effect  x\t  rule  y` }],
    ['wide characters that do', { ...COMMAND, text: `--${'\u6f22'.repeat(37)}  effect  x` }],
  ])('shows nothing of %s as a line of its own', async (_, review) => {
    const lines = (await folded(cardOf(review, String), 80)).join('\n').split('\n')
    expect(lines.filter((line) => /^ {2}effect /.test(line))).toHaveLength(review.kind === 'command' ? 1 : 0)
    expect(lines.filter((line) => /^ {2}for /.test(line))).toHaveLength(review.kind === 'command' ? 0 : 1)
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(80)
  })

  it('names characters that look like others, and spells out what is not seen', () => {
    const lines = cardOf(
      { ...COMMAND, text: 'delete from t\u0430bl\u0435\u00a0t\u202e', parameters: ['\u0430'] },
      String,
    )
    expect(lines.slice(1, 4)).toEqual([
      '    delete from t\u0430bl\u0435\u00a0t\\u{202e}',
      '  with    $1 = \u0430',
      expect.stringMatching(
        /^ {2}beware {2}"\u0430" is U\+0430 \(a Cyrillic letter, which may look like a Latin one\), "\u0435" is U\+0435 .*, "\u00a0" is U\+00A0 \(a space that is not the usual one\)$/,
      ),
    ])
    expect(cardOf(COMMAND, String).join('\n')).not.toContain('beware')
  })
})
