import { randomBytes } from 'node:crypto'
import { PamError } from '../../../../shared/errors.ts'
import { page, type Page } from '../../browser/pages.ts'
import type { Exchange } from '../../server/exchange.ts'
import type { Header } from '../../wire/headers.ts'
import type { ParkedExchange } from './parked-exchange.ts'

/** Whose a page is: nobody else finds it. */
export interface PageOwner {
  readonly origin: string
  /** Of the sign-in. */
  readonly login: string
}

interface Waiting {
  readonly owner: PageOwner
  readonly exchange: ParkedExchange
  /** What is held, and who may decide. */
  readonly notice: string
  readonly settled: Promise<'answered'>
  hasAnswer: boolean
  polls: number
  timer: NodeJS.Timeout | undefined
}

/** Pages whose requests are held. Each stays for as long as its browser asks after it, and until it has the answer. */
export class WaitRoom {
  readonly #waiting = new Map<string, Waiting>()

  /** Parks an exchange; what its browser is shown meanwhile. Throws where this person has too many of them. */
  enter(owner: PageOwner, exchange: ParkedExchange, notice: string): Page {
    const own = [...this.#waiting.values()].filter((waiting) => isOf(waiting, owner))
    if (own.length >= MAX_WAITING)
      throw new PamError('RATE_LIMITED', `${MAX_WAITING} of your pages wait for approval already`)
    const id = randomBytes(32).toString('base64url')
    const waiting: Waiting = {
      owner,
      exchange,
      notice,
      settled: exchange.answered.then(() => {
        waiting.hasAnswer = true
        return 'answered'
      }),
      hasAnswer: false,
      polls: 0,
      timer: undefined,
    }
    exchange.park()
    this.#waiting.set(id, waiting)
    this.#expectPoll(id, waiting)
    return waitPage(id, notice)
  }

  /** Waits for the answer for a while: where the browser finds it then, or the page that it goes on to see. */
  async poll(
    id: string,
    owner: PageOwner,
    browser: Exchange,
  ): Promise<Page | { readonly to: string; readonly cookie: string }> {
    const waiting = this.#find(id, owner)
    waiting.polls++
    clearTimeout(waiting.timer)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), POLL_MS)
      browser.left.addEventListener('abort', () => resolve('late'), { once: true })
    })
    const outcome = await Promise.race([waiting.settled, late])
    clearTimeout(timer)
    waiting.polls--
    this.#expectPoll(id, waiting)
    return outcome === 'late'
      ? waitPage(id, waiting.notice)
      : {
          to: waiting.exchange.request.target,
          cookie: `${ANSWER_COOKIE}=${id}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure`,
        }
  }

  /** Gives the answer to the request for the page that was held, where this is one; false where it is another. */
  collect(id: string, owner: PageOwner, browser: Exchange): boolean {
    const waiting = this.#waiting.get(id)
    const isIt =
      waiting?.hasAnswer === true &&
      isOf(waiting, owner) &&
      browser.request.method === 'GET' &&
      browser.request.target === waiting.exchange.request.target
    if (!isIt) return false
    this.#forget(id, waiting)
    waiting.exchange.collect(browser, [forgetAnswer])
    return true
  }

  /** Takes the request back. */
  withdraw(id: string, owner: PageOwner): void {
    const waiting = this.#find(id, owner)
    this.#forget(id, waiting)
    waiting.exchange.leave()
  }

  #find(id: string, owner: PageOwner): Waiting {
    const waiting = this.#waiting.get(id)
    if (waiting !== undefined && isOf(waiting, owner)) return waiting
    throw new PamError('NOT_FOUND', 'this request does not wait any longer', {
      hint: 'open the page that you want again',
    })
  }

  /** A browser that does not ask again has left. */
  #expectPoll(id: string, waiting: Waiting): void {
    if (waiting.polls > 0 || !this.#waiting.has(id)) return
    clearTimeout(waiting.timer)
    waiting.timer = setTimeout(() => {
      this.#forget(id, waiting)
      waiting.exchange.leave()
    }, ABSENCE_MS)
    waiting.timer.unref()
  }

  #forget(id: string, waiting: Waiting): void {
    clearTimeout(waiting.timer)
    this.#waiting.delete(id)
  }
}

const isOf = ({ owner }: Waiting, { origin, login }: PageOwner): boolean =>
  owner.origin === origin && owner.login === login

const waitPage = (id: string, notice: string): Page =>
  page({
    title: 'Waiting for approval',
    paragraphs: [
      notice,
      'This page continues automatically once someone decides. Nothing has been sent to the service yet.',
    ],
    next: { seconds: 1, path: `${WAIT_PATH}${id}` },
    button: { text: 'Withdraw the request', path: `${WITHDRAW_PATH}${id}` },
  })

export const WAIT_PATH = '/.pamctl/wait/'
export const WITHDRAW_PATH = '/.pamctl/withdraw/'
/** Names the answer that the next request for a page is given. */
export const ANSWER_COOKIE = '__Host-pam_answer'
const forgetAnswer: Header = ['set-cookie', `${ANSWER_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure`]
const MAX_WAITING = 20
/** Milliseconds that one request for the page waits; proxies give up on longer ones. */
const POLL_MS = 20_000
/** Milliseconds without a browser after which a request is withdrawn, or its answer dropped. */
const ABSENCE_MS = 30_000
