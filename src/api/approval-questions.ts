import type { AccessRequest } from '../access/request.ts'
import type { ApprovalWebhook, WebhookAnswer } from '../notify/approval-webhook.ts'

type Ask = (hook: ApprovalWebhook, request: AccessRequest) => Promise<WebhookAnswer>

/** Asks webhooks for approval, about so many requests at once and no more: of others, people decide. */
export class ApprovalQuestions {
  readonly #ask: Ask
  /** The requesters of what is asked now. */
  readonly #asking: string[] = []

  constructor(ask: Ask) {
    this.#ask = ask
  }

  async ask(hook: ApprovalWebhook, request: AccessRequest): Promise<WebhookAnswer> {
    const { id: requester } = request.requester
    if (this.#asking.length >= MAX_ASKING || this.#asking.filter((one) => one === requester).length >= MAX_OF_ONE)
      return { type: 'none', why: 'too many requests wait for its answer' }
    this.#asking.push(requester)
    try {
      return await this.#ask(hook, request)
    } finally {
      this.#asking.splice(this.#asking.indexOf(requester), 1)
    }
  }
}

/** Of the gateway, and of one requester. */
const MAX_ASKING = 32
const MAX_OF_ONE = 4
