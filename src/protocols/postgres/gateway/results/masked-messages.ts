import { maskKinds } from '../../../../masking/replace.ts'
import { ByteReader } from '../../../../wire/byte-reader.ts'
import { noticeResponse, type ErrorFields } from '../../wire/error-response.ts'
import { bodyOf, type Frame } from '../../wire/framer.ts'
import { decodeMessage, encodeError, encodeNotice, serverTags } from '../../wire/server-message.ts'
import { quoting } from '../../../../sql/facts/lineage-facts.ts'
import type { ErrorExposure } from '../../../../sql/facts/text-facts.ts'
import type { PipelineState } from '../pipeline/pipeline-state.ts'
import { isSqlstate } from '../../dialect/sqlstates.ts'
import type { Masker } from './row-masking.ts'

/** An ErrorResponse without the masked values that it may quote; what those are depends on the message that it answers. */
export const maskedError = (fields: ErrorFields, pipeline: PipelineState, masker: Masker): Buffer =>
  encodeError(maskFields(fields, exposureOf(pipeline), masker))

/**
 * A NoticeResponse, likewise. Undefined where it must not be shown: what the server logs says how much memory a sort took and which steps there
 * were, and `client_min_messages` lets a client ask for it.
 */
export function maskedNotice(frame: Frame, pipeline: PipelineState, masker: Masker): Buffer | undefined {
  const { fields } = decodeMessage(noticeResponse, bodyOf(frame), 'NoticeResponse')
  const exposure = exposureOf(pipeline)
  if (exposure !== 'none' && LOGGED.test(fields.get('V') ?? '')) return undefined
  return encodeNotice(maskFields(fields, exposure, masker))
}

/** Severities, as V has them: it is not translated. Spec: Error and Notice Message Fields. */
const LOGGED = /^(LOG|DEBUG|)$/

/** A NotificationResponse: payloads that masked columns may have gone into are withheld, and masked kinds hidden in others. */
export function maskedNotification(frame: Frame, pipeline: PipelineState): Buffer {
  const { session, notified, ranUnread } = pipeline
  const { masking } = pipeline.known
  const body = new ByteReader(bodyOf(frame), 'NotificationResponse')
  const processId = body.uint32()
  const channel = body.cstring()
  const payload = body.cstring()
  // Any other session may have built the payload from a masked column. Showing those that equal a text of this session would confirm
  // guesses, so only what this session itself sent in its statements is shown.
  const isOwn = (processId | 0) === pipeline.processId && !ranUnread && (payload === '' || notified.has(payload))
  const isConstant = masking.plan.columns.length === 0 || isOwn
  const { kinds } = masking.plan
  const masked = isConstant ? maskKinds(payload, kinds, session.hashKeys) : '****'
  // Code that is not analysed may listen on a channel that it has named after a masked value.
  const named = ranUnread && masking.plan.columns.length > 0 ? '****' : maskKinds(channel, kinds, session.hashKeys)
  if (masked === undefined && named === undefined) return frame.bytes
  const text = Buffer.from(`${named ?? channel}\0${masked ?? payload}\0`, 'utf8')
  const out = Buffer.allocUnsafe(9 + text.length)
  out[0] = serverTags.notificationResponse
  out.writeUInt32BE(8 + text.length, 1)
  out.writeUInt32BE(processId, 5)
  text.copy(out, 9)
  return out
}

function exposureOf({ inFlight: { head }, known: { masking } }: PipelineState): ErrorExposure {
  if (head === undefined || head.type === 'reply' || head.type === 'own' || head.type === 'made-to-fail') return 'none'
  // The end of a transaction runs deferred checks, on rows of earlier statements.
  if (head.type === 'sync') return masking.plan.columns.length > 0 ? quoting(masking) : 'none'
  return 'run' in head ? head.run.errorExposure : head.errorExposure
}

/** The fields of an error or notice without the masked values that they may quote. */
function maskFields(fields: ErrorFields, errorExposure: ErrorExposure, { scope, keys }: Masker): ErrorFields {
  const masked = new Map<string, string>()
  // Errors of parse analysis have a position in the client's text and quote only that; errors at run time have none, and may quote values.
  const aboutText = (fields.get('C') ?? '').startsWith('42') && fields.has('P')
  for (const [type, value] of fields) {
    if (errorExposure === 'any' && !aboutText) {
      // User-defined code decides itself which fields its errors have.
      if (type === 'M') masked.set(type, HIDDEN)
      else if (type === 'C') masked.set(type, isSqlstate(value) ? value : RAISED)
      else if (SERVERS_OWN.has(type)) masked.set(type, value)
    } else if (errorExposure !== 'none' && !aboutText) {
      if (type === 'M')
        masked.set(
          type,
          `${value.split(QUOTED_FROM, 1)[0]?.trim() ?? ''} (the rest is hidden: masked columns are involved)`,
        )
      else if (!QUOTING_FIELDS.has(type) && !(errorExposure === 'named' && NAMING_FIELDS.has(type)))
        masked.set(type, value)
    } else {
      // User-defined code may put anything into the names of table, column and constraint.
      masked.set(type, UNSEARCHED.has(type) ? value : (maskKinds(value, scope.plan.kinds, keys) ?? value))
    }
  }
  return masked
}

/** Where the server's messages begin to quote values, or sizes. */
const QUOTED_FROM = /[:"\d]/
const HIDDEN = 'message withheld: it may contain masked values'
/** raise_exception, the default code of RAISE. */
const RAISED = 'P0001'
/** Severity, and the location in the server's sources. */
const SERVERS_OWN = new Set(['S', 'V', 'F', 'L', 'R'])
/** Table and constraint: they may be those of a partition. */
const NAMING_FIELDS = new Set(['t', 'n'])
/** Message, detail, hint, where, internal query: free text. Spec: Error and Notice Message Fields. */
const QUOTING_FIELDS = new Set(['M', 'D', 'H', 'W', 'q', 'p'])
/** Fields without free text: also the SQLSTATE, and positions in a text. */
const UNSEARCHED = new Set([...SERVERS_OWN, 'C', 'P', 'p'])
