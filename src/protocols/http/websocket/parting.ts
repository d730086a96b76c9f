import type { ErrorCode } from '../../../shared/error-codes.ts'
import { PamError } from '../../../shared/errors.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { closeCodes, codeOfViolation, type WebSocketClose } from '../wire/websocket-close.ts'

export type Side = 'client' | 'target'

/** What ends a WebSocket. */
export type End =
  | { readonly type: 'closed'; readonly by: Side; readonly close: WebSocketClose }
  | { readonly type: 'left'; readonly by: Side }
  /** It sent what RFC 6455 does not have, or what may not pass. */
  | { readonly type: 'broken'; readonly by: Side; readonly error: unknown }
  | { readonly type: 'ended'; readonly reason: PamError }

/** The end of a WebSocket as it is put on record. */
export interface RelayEnd {
  /** For people: what was said, by whom. */
  readonly said: string
  /** Undefined where one of the two has closed it as usual. */
  readonly error: string | undefined
}

/** With what each side is told, where it has not been told already. */
export interface Parting extends RelayEnd {
  readonly toClient: WebSocketClose
  readonly toTarget: WebSocketClose
}

export function partingOf(end: End): Parting {
  switch (end.type) {
    case 'closed': {
      const { code } = end.close
      const echo = { code, reason: '' }
      const isUsual = code === undefined || code === closeCodes.normal || code === closeCodes.goingAway
      return {
        toClient: echo,
        toTarget: echo,
        said: `the ${end.by} closed the WebSocket${code === undefined ? '' : ` with ${code}`}`,
        error: isUsual ? undefined : `closed ${code}`,
      }
    }
    case 'left':
      return {
        toClient: { code: closeCodes.internalError, reason: 'the target closed the connection' },
        toTarget: GOING_AWAY,
        said: `the ${end.by} left without closing the WebSocket`,
        error: 'left',
      }
    case 'broken':
      return end.error instanceof WireError
        ? violated(end.by, end.error)
        : refused(end.by, end.error instanceof PamError ? end.error : INTERNAL)
    case 'ended':
      return { ...refused('client', end.reason), said: end.reason.message }
  }
}

/** Who has broken it is told how; to a client, what its target does is no violation of its own. */
function violated(by: Side, error: WireError): Parting {
  const code = codeOfViolation(error)
  const told = { code, reason: error.message }
  return {
    toClient: by === 'client' ? told : { code: closeCodes.internalError, reason: error.message },
    toTarget: by === 'target' ? told : GOING_AWAY,
    said: `the WebSocket was ended with ${code}, for what the ${by} has sent: ${error.message}`,
    error: `closed ${code}`,
  }
}

function refused(by: Side, { code, message }: Pick<PamError, 'code' | 'message'>): Parting {
  return {
    toClient: { code: CLOSE_CODES[code] ?? closeCodes.policyViolation, reason: `${code}: ${message}` },
    toTarget:
      by === 'target' && code === 'MASKING_REFUSED' ? { code: closeCodes.unsupportedData, reason: '' } : GOING_AWAY,
    said: `the WebSocket was ended, for what the ${by} has sent: ${message}`,
    error: code,
  }
}

const GOING_AWAY: WebSocketClose = { code: closeCodes.goingAway, reason: '' }
const INTERNAL = { code: 'INTERNAL', message: 'internal error in the gateway' } as const
const CLOSE_CODES: Readonly<Partial<Record<ErrorCode, number>>> = {
  SHUTTING_DOWN: closeCodes.goingAway,
  RATE_LIMITED: closeCodes.tryAgainLater,
  RECORDING_FAILED: closeCodes.internalError,
  INTERNAL: closeCodes.internalError,
}
