/** Capability flags of both sides. Spec: Capabilities Flags (mysql_com.h); MariaDB, "Connection", Capabilities. */
export const capabilities = {
  /** MariaDB calls it CLIENT_MYSQL: a server without it has extended capabilities in reserved bytes. */
  longPassword: 0x0000_0001,
  foundRows: 0x0000_0002,
  longFlag: 0x0000_0004,
  connectWithDatabase: 0x0000_0008,
  localFiles: 0x0000_0080,
  ignoreSpace: 0x0000_0100,
  protocol41: 0x0000_0200,
  interactive: 0x0000_0400,
  ssl: 0x0000_0800,
  transactions: 0x0000_2000,
  secureConnection: 0x0000_8000,
  multiStatements: 0x0001_0000,
  multiResults: 0x0002_0000,
  preparedMultiResults: 0x0004_0000,
  pluginAuth: 0x0008_0000,
  connectAttributes: 0x0010_0000,
  pluginAuthLengthEncoded: 0x0020_0000,
  sessionTrack: 0x0080_0000,
  deprecateEof: 0x0100_0000,
} as const

const { longPassword, foundRows, longFlag, connectWithDatabase, localFiles, ignoreSpace, protocol41 } = capabilities
const { interactive, transactions, secureConnection, multiStatements, multiResults, sessionTrack } = capabilities
const { preparedMultiResults, pluginAuth, connectAttributes, pluginAuthLengthEncoded, deprecateEof } = capabilities

/** What every server since 5.6 has. */
export const ALWAYS_OFFERED =
  longPassword |
  foundRows |
  longFlag |
  connectWithDatabase |
  localFiles |
  ignoreSpace |
  protocol41 |
  interactive |
  transactions |
  secureConnection |
  multiStatements |
  multiResults |
  preparedMultiResults |
  pluginAuth |
  connectAttributes |
  pluginAuthLengthEncoded

/**
 * All capabilities that the gateway supports. Not among them: compression (nothing could be read), query attributes and bulk execution
 * (other formats of commands), optional and cached metadata (results without descriptions of their columns), progress reports, multi-factor
 * authentication, expired passwords, and TLS (the tunnel is encrypted).
 */
export const UNDERSTOOD = ALWAYS_OFFERED | sessionTrack | deprecateEof

export const has = (flags: number, flag: number): boolean => (flags & flag) !== 0

/** Status flags of OK and EOF packets. Spec: SERVER_STATUS_flags_enum. */
export const statusFlags = {
  inTransaction: 0x0001,
  autocommit: 0x0002,
  moreResults: 0x0008,
  cursorExists: 0x0040,
  lastRowSent: 0x0080,
  noBackslashEscapes: 0x0200,
  metadataChanged: 0x0400,
  sessionStateChanged: 0x4000,
} as const
