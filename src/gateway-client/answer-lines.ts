import { PamError } from '../shared/errors.ts'
import type { HttpAnswer } from '../shared/http-call.ts'

/** How many more bytes may be read of what is kept in memory: of one answer, or of all pages of a list. */
export interface AnswerBudget {
  left: number
  /** What it was at first, in MiB. */
  readonly size: number
}

/** @param size in MiB */
export const answerBudget = (size = MAX_ANSWER_MIB): AnswerBudget => ({ left: size * MIB, size })

/** The bytes of an answer as they come, however many: for what is written elsewhere at once. */
export async function* bodyOf(response: HttpAnswer): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body?.getReader()
  if (reader === undefined) return
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/**
 * An answer as a whole, in UTF-8. Throws MESSAGE_TOO_LARGE where it is longer than the budget.
 *
 * @param what for the error: `the answer to GET /v1/targets`
 */
export async function textOf(response: HttpAnswer, what: string, budget = answerBudget()): Promise<string> {
  const decoder = new TextDecoder()
  const pieces: string[] = []
  for await (const chunk of bodyOf(response)) {
    spend(budget, chunk, what)
    pieces.push(decoder.decode(chunk, { stream: true }))
  }
  return pieces.join('') + decoder.decode()
}

/**
 * Lines of an answer as they come; `empty`: also those without text, which only say that it goes on. Throws MESSAGE_TOO_LARGE at a line that is
 * longer than an answer may be, and where the answer is longer than the budget, if there is one.
 *
 * @param what for the error, as of `textOf`
 */
export async function* textLines(
  response: HttpAnswer,
  what: string,
  { empty = false, budget }: { readonly empty?: boolean; readonly budget?: AnswerBudget | undefined } = {},
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder()
  let [pieces, length]: [string[], number] = [[], 0]
  for await (const chunk of bodyOf(response)) {
    if (budget !== undefined) spend(budget, chunk, what)
    const first = chunk.indexOf(LINE_FEED)
    length += first < 0 ? chunk.byteLength : first
    if (length > MAX_ANSWER_MIB * MIB) throw tooLarge(`a line of ${what} is longer than ${MAX_ANSWER_MIB} MiB`)
    const lines = decoder.decode(chunk, { stream: true }).split('\n')
    pieces.push(lines.shift() ?? '')
    if (lines.length === 0) continue
    const whole = [pieces.join(''), ...lines]
    pieces = whole.splice(-1)
    length = chunk.byteLength - 1 - chunk.lastIndexOf(LINE_FEED)
    yield* empty ? whole : whole.filter((line) => line !== '')
  }
  const rest = pieces.join('') + decoder.decode()
  if (rest !== '') yield rest
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

function spend(budget: AnswerBudget, { byteLength }: Uint8Array, what: string): void {
  budget.left -= byteLength
  if (budget.left < 0) throw tooLarge(`${what} is longer than ${budget.size} MiB`)
}

/** For what no gateway sends in this size. */
export const tooLarge = (message: string): PamError =>
  new PamError('MESSAGE_TOO_LARGE', message, {
    side: 'gateway',
    hint: 'ask for less at once, if the command has options for that; otherwise ask your administrator',
  })

/** For a page of the audit log that says there are more, and leads to none of them. */
export const endlessAudit = (): PamError =>
  new PamError('VERSION_MISMATCH', "the gateway's answers to GET /v1/audit do not come to an end", { side: 'gateway' })

const MAX_ANSWER_MIB = 64
const MIB = 1024 * 1024
const LINE_FEED = 0x0a
