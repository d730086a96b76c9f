import { PamError } from '../shared/errors.ts'
import { sessionEndReason } from './session-end-reason.ts'
import { TRY_AGAIN } from './with-deadline.ts'

/** A target has refused the gateway, in its protocol. */
export class TargetSaidNo extends Error {
  /** The protocol's own code, which says nothing of what the target holds. */
  readonly code: string
  /** The target's own words. Not for users nor for the log: it can repeat there whatever it was sent. */
  readonly said: string
  /** Whether it is about the credential. */
  readonly isCredential: boolean

  constructor({ code, said, isCredential }: Pick<TargetSaidNo, 'code' | 'said' | 'isCredential'>) {
    super(`the target answered ${code}`)
    this.name = 'TargetSaidNo'
    this.code = code
    this.said = said
    this.isCredential = isCredential
  }
}

/** Why a target could not be connected to, in words that a user may have. */
export function targetFailure(name: string, error: unknown): PamError {
  const told = (code: PamError['code'], text: string, hint?: string): PamError =>
    new PamError(code, `${name}: ${text}`, {
      side: 'upstream',
      cause: error,
      ...(hint === undefined ? {} : { hint }),
    })
  if (error instanceof PamError) return told(error.code, error.message, error.hint)
  if (error instanceof TargetSaidNo) {
    return error.isCredential
      ? told('TARGET_CREDENTIAL', "the target refused the gateway's credential", ASK)
      : told('TARGET_REFUSED', `the target refused the connection (${error.code})`)
  }
  const failure = sessionEndReason(error)
  if (failure.code !== 'INTERNAL') return told(failure.code, failure.message)
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (typeof code === 'string' && /^(ERR_TLS|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO|HOSTNAME_)/.test(code))
    return told('TARGET_CERTIFICATE', "the target's certificate is not trusted", ASK)
  return told('TARGET_UNREACHABLE', 'cannot reach the target', TRY_AGAIN)
}

const ASK = 'contact your gateway administrator'
