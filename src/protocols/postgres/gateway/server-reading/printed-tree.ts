import { noticeResponse } from '../../wire/error-response.ts'
import { decodeMessage } from '../../wire/server-message.ts'

/** The tree in a NoticeResponse of `debug_print_parse`; undefined for any other notice. Source: elog_node_display in print.c. */
export function printedTree(body: Buffer): string | undefined {
  const { fields } = decodeMessage(noticeResponse, body, 'NoticeResponse')
  const isTree =
    fields.get('V') === 'LOG' && fields.get('R') === 'elog_node_display' && fields.get('M') === 'parse tree:'
  return isTree ? fields.get('D') : undefined
}
