import type { Review } from '../api/schemas/review.ts'
import type { ApiClient } from '../gateway-client/api-client.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import { visible } from '../shared/visible.ts'
import { forHowLong } from './command.ts'
import type { CliContext } from './context.ts'
import { desktopNotifier } from './output/desktop-notification.ts'

/** `pamctl reviews --watch`: what waits now, then what comes and what becomes of it, until it is interrupted. */
export async function watchReviews(
  { io, environment, client }: Pick<CliContext, 'io' | 'environment' | 'client'>,
  { json, notify }: { readonly json?: boolean; readonly notify: boolean },
): Promise<void> {
  const api = await client()
  const onDesktop = notify ? desktopNotifier(environment, process.platform) : undefined
  const told = new Map<string, string>()
  const tell = (review: Review, isNew: boolean): void => {
    const before = told.get(review.id)
    if (before === undefined && (review.state !== 'pending' || !review.mayDecide)) return
    const now = `${review.state} ${review.decisions.length}`
    if (before === now) return
    told.set(review.id, now)
    if (json === true) {
      io.jsonLine({ value: review })
      return
    }
    io.print(lineOf(review))
    if (isNew && before === undefined) {
      if (io.stdoutIsTerminal) process.stdout.write('\u0007')
      onDesktop?.(titleOf(review), `pamctl approve ${review.id}`)
    }
  }
  for (const review of await api.reviews.list()) tell(review, false)
  if (told.size === 0 && json !== true) io.note('nothing is waiting for you yet')
  await follow(
    api,
    (review) => tell(review, true),
    (text) => io.note(text),
  )
}

/** Comes back by itself, and goes on where it was; ends where nobody is signed in any more. */
async function follow(api: ApiClient, heard: (review: Review) => void, note: (text: string) => void): Promise<never> {
  let last: number | undefined
  let isAway = false
  for (let wait = FIRST_WAIT; ; wait = Math.min(wait * 2, LONGEST_WAIT)) {
    try {
      for await (const event of api.events(last)) {
        if (event.type === 'beat') continue
        if (isAway) note('the gateway is back')
        isAway = false
        wait = FIRST_WAIT
        last = event.seq
        if (event.type === 'changed' && event.kind === 'review') await look(event.id)
        else if (event.type === 'resync') for (const review of await api.reviews.list()) heard(review)
      }
    } catch (error) {
      const { code, message } = asPamError(error)
      if (code !== 'GATEWAY_UNREACHABLE' && code !== 'SHUTTING_DOWN' && code !== 'INTERNAL') throw error
      if (!isAway) note(visible(message))
      isAway = true
    }
    await new Promise((resolve) => setTimeout(resolve, wait))
  }

  async function look(id: string): Promise<void> {
    try {
      heard(await api.reviews.get(id))
    } catch (error) {
      if (!(error instanceof PamError) || error.code !== 'NOT_FOUND') throw error
    }
  }
}

function lineOf(review: Review): string {
  const time = new Date(review.createdAt).toTimeString().slice(0, 5)
  if (review.state !== 'pending') return visible(`${time}  ${review.id}  ${review.status}`)
  const what = review.text ?? `${forHowLong(review.lengthMs ?? 0)}: ${review.reason ?? ''}`
  return visible(
    `${time}  ${review.id}  ${review.requester.label}  ${review.target}  ${what.replaceAll(/\s+/g, ' ').slice(0, 200)}`,
  )
}

/** No statement and no reason: a desktop shows it to whoever looks at the screen. */
const titleOf = ({ requester, target, kind }: Review): string =>
  visible(`${requester.label} ${kind === 'command' ? 'wants to run something on' : 'asks for'} ${target}`)

const FIRST_WAIT = 500
const LONGEST_WAIT = 30_000
