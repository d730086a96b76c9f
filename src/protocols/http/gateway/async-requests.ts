import type { Session } from '../../../gateway/engine.ts'
import { asPamError, PamError } from '../../../shared/errors.ts'
import type { AnswerHead, Exchange } from '../server/exchange.ts'
import type { Header } from '../wire/headers.ts'

/** A held request whose client does not wait. */
export interface AsyncRequest {
  /** The id of its approval: what the client asks by. */
  readonly approval: string
  /** The session as such, which stays open for it. */
  readonly session: Pick<Session, 'person' | 'target' | 'ended'>
  /** Takes it back: nothing of it is sent then. */
  withdraw(): void
  /** Waits for people, sends it once they agree, and gives what came of it. Rejects with why there is no answer. `sent`: told right before it is. */
  run(sent: () => void): Promise<{ readonly head: AnswerHead; readonly body: Buffer }>
  /** Gives back what it has held: bytes, and the session. */
  release(): void
}

type State =
  | { readonly type: 'pending' | 'sent' }
  | { readonly type: 'answered'; readonly head: AnswerHead; readonly body: Buffer }
  | { readonly type: 'failed'; readonly error: PamError }

interface Entry {
  readonly request: AsyncRequest
  state: State
  /** Resolves once people have decided, or nobody can any more: the state says what has become of it. */
  readonly decided: Promise<void>
  readonly forget: () => void
}

/**
 * Held requests that were answered 202 (`Prefer: respond-async`), and what came of them, until it has been there for some minutes or the session ends. Whose they
 * are: the person's who sent them, to the same target, whichever port they come through.
 */
export class AsyncRequests {
  readonly #entries = new Map<string, Entry>()
  /** By person. */
  readonly #taken = new Map<string, number>()
  readonly #keepMs: number

  constructor(keepMs = KEEP_MS) {
    this.#keepMs = keepMs
  }

  /**
   * Room for one more of a person's, taken before anybody is asked about it: what it gives gives the room back. Undefined where there is none: then the client
   * waits, as it would without its preference.
   */
  take(personId: string): (() => void) | undefined {
    const taken = this.#taken.get(personId) ?? 0
    if (taken >= MAX_PER_PERSON) return undefined
    this.#taken.set(personId, taken + 1)
    return () => {
      const left = (this.#taken.get(personId) ?? 1) - 1
      if (left === 0) this.#taken.delete(personId)
      else this.#taken.set(personId, left)
    }
  }

  /** Takes a request over: from here on it is released by this. */
  add(request: AsyncRequest): void {
    const { approval, session } = request
    let timer: NodeJS.Timeout | undefined
    let onDecided = (): void => {}
    const entry: Entry = {
      request,
      state: { type: 'pending' },
      decided: new Promise((resolve) => (onDecided = resolve)),
      forget: () => {
        if (this.#entries.get(approval) !== entry) return
        this.#entries.delete(approval)
        clearTimeout(timer)
        session.ended.removeEventListener('abort', entry.forget)
        if (entry.state.type !== 'pending' && entry.state.type !== 'sent') request.release()
      },
    }
    this.#entries.set(approval, entry)
    session.ended.addEventListener('abort', entry.forget, { once: true })
    if (session.ended.aborted) entry.forget()
    const settle = (state: State): void => {
      entry.state = state
      onDecided()
      // Nobody can ask for it any more.
      if (this.#entries.get(approval) !== entry) return request.release()
      timer = setTimeout(entry.forget, this.#keepMs)
      timer.unref()
    }
    request
      .run(() => {
        entry.state = { type: 'sent' }
        onDecided()
      })
      .then(
        (answer) => settle({ type: 'answered', ...answer }),
        (error: unknown) => settle({ type: 'failed', error: asPamError(error) }),
      )
  }

  /** Answers a request for what has become of another one. Throws where there is no such, or it cannot be done. */
  serve(exchange: Exchange, { person, target }: Pick<Session, 'person' | 'target'>): Promise<void> | undefined {
    const { method, target: path } = exchange.request
    const entry = path.startsWith(REQUESTS) ? this.#entries.get(path.slice(REQUESTS.length)) : undefined
    const isOwn = entry?.request.session.person.id === person.id && entry.request.session.target.name === target.name
    if (entry === undefined || !isOwn)
      throw new PamError('NOT_FOUND', 'no request of yours to this target has this id', {
        hint: 'an answer is kept for five minutes, while the session lasts: check whether the request took effect before you send it again',
      })
    if (method === 'DELETE') return this.#withdraw(entry, exchange)
    if (method !== 'GET' && method !== 'HEAD')
      throw new PamError('FEATURE_REFUSED', 'a waiting request supports GET (its state) and DELETE (withdraw it)')
    const { state } = entry
    if (state.type === 'failed') throw state.error
    if (state.type !== 'answered') {
      answerAccepted(exchange, entry.request.approval, state.type)
      return undefined
    }
    const { status, headers } = state.head
    const isBodiless = status === 204 || status === 304
    const kept = headers.filter(([name]) => name !== 'content-length')
    const length: Header[] = isBodiless ? [] : [['content-length', String(state.body.length)]]
    exchange.answer({ status, headers: [...kept, ...length] }).end(method === 'HEAD' || isBodiless ? '' : state.body)
    return undefined
  }

  async #withdraw(entry: Entry, exchange: Exchange): Promise<void> {
    const isPending = entry.state.type === 'pending'
    if (entry.state.type !== 'sent') entry.request.withdraw()
    // It may have been approved a moment ago, and is sent all the same then.
    if (isPending) await entry.decided
    if (entry.state.type === 'sent' || (isPending && entry.state.type === 'answered'))
      throw new PamError('COMMAND_REFUSED', 'the request was approved and is being sent: it cannot be withdrawn')
    entry.forget()
    exchange.answer({ status: 204, headers: [['cache-control', 'no-store']] }).end()
  }
}

/** Says that a request waits for people, and where to ask for its answer. Source: RFC 9110, section 15.3.3; RFC 7240, section 4.1. */
export function answerAccepted(exchange: Exchange, approval: string, status: 'pending' | 'sent'): void {
  const location = `${REQUESTS}${approval}`
  const detail =
    status === 'pending'
      ? 'the request waits for approval: GET the location for its answer, DELETE it to withdraw the request'
      : 'the request was approved and is being sent: GET the location for its answer'
  const body = Buffer.from(`${JSON.stringify({ approval, status, location, detail })}\n`)
  const headers: Header[] = [
    ['content-type', 'application/json'],
    ['content-length', String(body.length)],
    ['cache-control', 'no-store'],
    ['location', location],
    ['preference-applied', 'respond-async'],
    ['retry-after', String(RETRY_SECONDS)],
    ['x-pam-approval', approval],
  ]
  exchange.answer({ status: 202, headers }).end(exchange.request.method === 'HEAD' ? '' : body)
}

/** Whether a request is for the gateway itself: no target gets what is below this path, in whichever letters. */
export const isReserved = (target: string): boolean => /^\/\.pamctl(?:[/?]|%2f|$)/i.test(target)

const REQUESTS = '/.pamctl/requests/'
/** Milliseconds that an answer is kept. */
const KEEP_MS = 5 * 60_000
const MAX_PER_PERSON = 16
const RETRY_SECONDS = 5
