import { violation, type TargetMessages } from '../../../../gateway/target-messages.ts'
import { capabilities, has, statusFlags } from '../../wire/capabilities.ts'
import { commands } from '../../wire/command.ts'
import { EOF, isEof, readEof } from '../../wire/eof.ts'
import { ERR } from '../../wire/err.ts'
import { encodePackets, payloadOf, type Frame } from '../../wire/framer.ts'
import { LOCAL_INFILE } from '../../wire/local-infile.ts'
import { OK, readOk } from '../../wire/ok.ts'
import { readTextRow } from '../../wire/text-row.ts'
import { ByteReader } from '../../../../wire/byte-reader.ts'
import { refusalOf } from './refusal-of.ts'

/** The rows of one of the gateway's own queries, as text. */
export type OwnRows = (string | null)[][]

/**
 * Runs the gateway's own constant queries on a connection that no client uses. Returns the rows of each, none for statements without rows.
 */
export async function runQuery(messages: TargetMessages<Frame>, sql: string, flags: number): Promise<OwnRows> {
  messages.send(encodePackets(Buffer.concat([Buffer.of(commands.query), Buffer.from(sql)]), 0))
  let sequence = 1
  const next = async (): Promise<{ frame: Frame; payload: Buffer }> => {
    const frame = await messages.next()
    if (frame.sequence !== sequence) throw violation('the target sent packets out of order')
    sequence = frame.next
    const payload = payloadOf(frame)
    if (payload[0] === ERR) throw refusalOf(payload)
    return { frame, payload }
  }
  const noMore = (status: number): void => {
    if (has(status, statusFlags.moreResults)) throw violation('the target sent more than was asked for')
  }
  const { payload: first } = await next()
  if (first[0] === OK) {
    noMore(readOk(first, flags).status)
    return []
  }
  if (first[0] === LOCAL_INFILE) throw violation('the target asks for a file')
  const count = new ByteReader(first, 'result')
  const columns = count.lengthEncoded()
  count.end()
  if (columns > MAX_COLUMNS) throw violation('the target answered with more columns than it was asked for')
  for (let index = 0; index < columns; index++) await next()
  const hasEof = !has(flags, capabilities.deprecateEof)
  if (hasEof && !endsRows((await next()).frame, flags)) throw violation('the target sent no end of columns')
  const rows: OwnRows = []
  for (;;) {
    const { frame, payload } = await next()
    if (endsRows(frame, flags)) {
      noMore(hasEof ? readEof(payload).status : readOk(payload, flags).status)
      return rows
    }
    rows.push(readTextRow(payload, columns).map((value) => value && value.toString('utf8')))
  }
}

/** Whether a packet ends the rows, and is not a row whose first value is very long. */
const endsRows = ({ head, length }: Pick<Frame, 'head' | 'length'>, flags: number): boolean =>
  has(flags, capabilities.deprecateEof) ? head === EOF && length < MAX_OK_BYTES : isEof(head, length)

/** The length by which the protocol distinguishes it from a row. Spec: Text Resultset. */
const MAX_OK_BYTES = 0xff_ff_ff
const MAX_COLUMNS = 1000
