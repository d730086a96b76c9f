import type { Codec } from '../../../wire/codec.ts'

/** One column of a result. Spec: Message Formats, RowDescription. */
export interface Column {
  readonly name: string
  /** 0 if the column is not simply a column of a relation. */
  readonly tableOid: number
  readonly attribute: number
  readonly typeOid: number
  readonly typeSize: number
  readonly typeModifier: number
  readonly format: number
}

/** RowDescription ('T'), sent by the server before the rows. */
export interface RowDescription {
  readonly type: 'row-description'
  readonly columns: readonly Column[]
}

export const rowDescription: Codec<RowDescription> = {
  tag: 0x54, // 'T'
  decode: (body) => ({
    type: 'row-description',
    columns: body.list(body.uint16(), () => ({
      name: body.cstring(),
      tableOid: body.uint32(),
      attribute: body.int16(),
      typeOid: body.uint32(),
      typeSize: body.int16(),
      typeModifier: body.int32(),
      format: body.uint16(),
    })),
  }),
  encode(message, out) {
    out.uint16(message.columns.length)
    for (const column of message.columns) {
      out.cstring(column.name)
      out.uint32(column.tableOid)
      out.int16(column.attribute)
      out.uint32(column.typeOid)
      out.int16(column.typeSize)
      out.int32(column.typeModifier)
      out.uint16(column.format)
    }
  },
}
