/** Commands of clients, by their first byte. Spec: Command Phase; MariaDB, "Commands". */
export const commands = {
  sleep: 0x00,
  quit: 0x01,
  initDb: 0x02,
  query: 0x03,
  fieldList: 0x04,
  createDb: 0x05,
  dropDb: 0x06,
  refresh: 0x07,
  shutdown: 0x08,
  statistics: 0x09,
  processInfo: 0x0a,
  connect: 0x0b,
  processKill: 0x0c,
  debug: 0x0d,
  ping: 0x0e,
  time: 0x0f,
  delayedInsert: 0x10,
  changeUser: 0x11,
  binlogDump: 0x12,
  tableDump: 0x13,
  connectOut: 0x14,
  registerSlave: 0x15,
  stmtPrepare: 0x16,
  stmtExecute: 0x17,
  stmtSendLongData: 0x18,
  stmtClose: 0x19,
  stmtReset: 0x1a,
  setOption: 0x1b,
  stmtFetch: 0x1c,
  daemon: 0x1d,
  binlogDumpGtid: 0x1e,
  resetConnection: 0x1f,
  clone: 0x20,
  /** MariaDB only. */
  multi: 0xfe,
  stmtBulkExecute: 0xfa,
  slaveWorker: 0xfb,
  slaveIo: 0xfc,
  slaveSql: 0xfd,
} as const

export type CommandName = keyof typeof commands

const NAMES = new Map<number, CommandName>(Object.entries(commands).map(([name, byte]) => [byte, name as CommandName]))

/** The name in the documentation, such as COM_STMT_EXECUTE. */
export const documentedName = (byte: number): string => {
  const name = NAMES.get(byte)
  return name === undefined
    ? `command ${byte}`
    : `COM_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}
