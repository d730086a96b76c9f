import type { Review } from '../api/schemas/review.ts'
import type { ApiClient } from '../gateway-client/api-client.ts'
import { FIRST_LIMITED_WAIT_MS, followEvents, limitedText, MAX_WAIT_MS } from '../gateway-client/follow-events.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import { pause } from '../shared/pause.ts'
import { visibleInLine } from '../shared/visible.ts'
import { forHowLong } from './command.ts'
import type { CliContext } from './context.ts'
import { desktopNotifier } from './output/desktop-notification.ts'
import { ReviewPrompts } from './review-prompts.ts'

/** `pamctl reviews --watch`: what waits now, then what comes and what becomes of it, until it is interrupted. `ask`: about each that comes. */
export async function watchReviews(
  { io, environment, client }: Pick<CliContext, 'io' | 'environment' | 'client'>,
  {
    json,
    notify,
    ask,
  }: { readonly json?: boolean; readonly notify: boolean; readonly ask?: (review: Review) => Promise<void> },
  wait: (milliseconds: number) => Promise<unknown> = pause,
): Promise<void> {
  const api = await client()
  const onDesktop = notify ? desktopNotifier(environment, process.platform) : undefined
  const interrupted = new AbortController()
  const prompts = ask && new ReviewPrompts(ask, (error) => interrupted.abort(error))
  const write = (print: () => void): void => (prompts === undefined ? print() : prompts.print(print))
  const told = new Map<string, { readonly as: string; readonly isPending: boolean }>()
  const tell = (review: Review, isNew: boolean): void => {
    const before = told.get(review.id)
    if (before === undefined && !isForMe(review) && !(isNew && isApprovedByRule(review))) return
    const as = `${review.state} ${review.decisions.length}`
    if (before?.as === as) return
    told.set(review.id, { as, isPending: review.state === 'pending' })
    if (json === true) {
      io.jsonLine({ value: review })
      return
    }
    write(() => io.print(lineOf(review, io.clock(review.createdAt))))
    if (isNew && before === undefined && review.state === 'pending') {
      io.ring()
      onDesktop?.(titleOf(review), `pamctl approve ${review.id}`)
      if (isForMe(review)) prompts?.add(review)
    }
  }
  const waiting = await firstList(api, (text) => io.note(text), wait)
  for (const review of waiting) tell(review, false)
  if (told.size === 0 && json !== true) io.note('nothing is waiting for you yet; Ctrl-C ends the watch')
  const heard = (review: Review): void => tell(review, true)
  const look = async (id: string): Promise<void> => {
    const review = await unlessGone(api.reviews.get(id))
    if (review !== undefined) heard(review)
    else told.delete(id)
  }
  await followEvents(api, {
    changed: async ({ kind, id }) => (kind === 'review' ? look(id) : undefined),
    resync: async () => {
      // The list has what waits. What was told as waiting and is no longer in it has been decided meanwhile.
      const waiting = await api.reviews.list()
      waiting.forEach(heard)
      const listed = new Set(waiting.map(({ id }) => id))
      for (const [id, { isPending }] of told) if (isPending && !listed.has(id)) await look(id)
    },
    note: (text) => write(() => io.note(text)),
    pause: wait,
    signal: interrupted.signal,
  })
  interrupted.signal.throwIfAborted()
}

/** Too many calls a moment ago are no reason to end before the first look. */
async function firstList(
  api: ApiClient,
  note: (text: string) => void,
  pauseFor: (milliseconds: number) => Promise<unknown>,
): Promise<readonly Review[]> {
  for (let wait = 0; ;) {
    try {
      return await api.reviews.list()
    } catch (error) {
      const { code, message, retryAfterMs = 0 } = asPamError(error)
      if (code !== 'RATE_LIMITED') throw error
      const isFirst = wait === 0
      wait = Math.max(Math.min(wait * 2, MAX_WAIT_MS), FIRST_LIMITED_WAIT_MS, retryAfterMs)
      if (isFirst) note(limitedText(message, wait))
      await pauseFor(wait)
    }
  }
}

async function unlessGone(review: Promise<Review>): Promise<Review | undefined> {
  try {
    return await review
  } catch (error) {
    if (error instanceof PamError && error.code === 'NOT_FOUND') return undefined
    throw error
  }
}

const isForMe = ({ state, mayDecide }: Review): boolean => state === 'pending' && mayDecide

/** Approved without a person, where this one could have decided: they are told afterwards. */
const isApprovedByRule = ({ decisions, whyNot }: Review): boolean =>
  whyNot === undefined && decisions.some(({ automatic }) => automatic !== undefined)

function lineOf(review: Review, time: string): string {
  const whose = isApprovedByRule(review) ? `${review.requester.label}  ${review.target}  ` : ''
  if (review.state !== 'pending') return visibleInLine(`${time}  ${review.id}  ${whose}${review.status}`)
  const what = review.text ?? `${forHowLong(review.lengthMs ?? 0)}: ${review.reason ?? ''}`
  return visibleInLine(
    `${time}  ${review.id}  ${review.requester.label}  ${review.target}  ${what.replaceAll(/\s+/g, ' ').slice(0, 200)}`,
  )
}

/** No statement and no reason: a desktop shows it to whoever looks at the screen. */
const titleOf = ({ requester, target, kind }: Review): string =>
  visibleInLine(`${requester.label} ${kind === 'command' ? 'wants to run something on' : 'asks for'} ${target}`)
