import type { ErrorCode } from '../../shared/error-codes.ts'
import { statusKinds } from './error-codes.ts'

/** Why something is refused, in texts that move no cursor. */
export interface StatusReason {
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string | undefined
  readonly id?: string | undefined
}

/** A Status (k8s.io/apimachinery, metav1.Status), as the API server answers with where it refuses, and kubectl prints it. */
export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: Readonly<Record<string, never>>
  readonly status: 'Failure'
  readonly message: string
  readonly reason: string
  readonly details: { readonly causes: readonly { readonly reason: string; readonly message: string }[] }
  readonly code: number
}

export function statusOf({ code, message, hint, id }: StatusReason): Status {
  const kind = statusKinds[code]
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: hint === undefined ? message : `${message} (${hint})`,
    reason: kind.reason,
    // For programs: the gateway's own code, and the id to ask about.
    details: { causes: [{ reason: code, message: id ?? '' }] },
    code: kind.code,
  }
}

/**
 * A reason as plain text. What client-go asks while it finds out what a server has, it shows only as text and only of a 403: for that,
 * and where nobody knows what was asked, the text is all there is.
 */
export function textAnswer({ message, hint }: StatusReason): {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
} {
  const text = hint === undefined ? message : `${message} (${hint})`
  return { status: 403, contentType: 'text/plain; charset=utf-8', body: Buffer.from(text.slice(0, MAX_TEXT)) }
}

/** Whether client-go would show no more of a Status than its code. */
export const wantsText = (target: string): boolean => /^\/(?:apis?|version|openapi\/v[23])\/?(?:\?|$)/.test(target)

const MAX_TEXT = 2000

/** A Status as an answer of HTTP. */
export function statusAnswer(reason: StatusReason): {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
} {
  const status = statusOf(reason)
  return { status: status.code, contentType: 'application/json', body: Buffer.from(JSON.stringify(status)) }
}
