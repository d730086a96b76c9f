import { hideInText } from '../../../../masking/hidden-text.ts'
import type { ErrorExposure } from '../../../../sql/facts/text-facts.ts'
import { decodeText, type Charset } from '../../wire/charsets.ts'
import type { ColumnDefinition } from '../../wire/column-definition.ts'
import type { Err } from '../../wire/err.ts'
import type { Ok } from '../../wire/ok.ts'
import type { Rewrite, RowForm } from './hidden-values.ts'
import { rewriteBinaryRow, rewriteTextRow } from './rewrite-row.ts'
import type { Masker, RowMasking } from './row-masking.ts'

/**
 * An ERR packet without the masked values that its text may quote; these depend on the command that it answers. `charset`: the character
 * set of errors.
 */
export function maskedErr(err: Err, exposure: ErrorExposure, masker: Masker, charset: Charset): Err {
  const message = maskedMessage(err.code, err.message, exposure, masker, charset)
  // User-defined code itself decides which error it raises.
  const raised = exposure !== 'any' || isUsual(err.code) ? err : { code: SIGNALED, sqlstate: RAISED }
  const sqlstate = exposure !== 'any' || USUAL_STATES.has(raised.sqlstate) ? raised.sqlstate : UNNAMED
  return { code: raised.code, sqlstate, message }
}

/** Masks the rows of SHOW WARNINGS and SHOW ERRORS: level, number, message. As with errors, the meaning of the message numbers is known. */
export function warningMasking(
  columns: readonly ColumnDefinition[],
  form: RowForm,
  exposure: ErrorExposure,
  masker: Masker,
  charset: Charset,
): RowMasking {
  let code = 0
  const readCode: Rewrite = (value) => {
    code = value === null ? 0 : form === 'text' ? Number(value.toString('latin1')) : value.readUInt32LE()
    return undefined
  }
  const hide: Rewrite = (value) => (value === null ? undefined : maskedMessage(code, value, exposure, masker, charset))
  const isList = columns.length === 3 && columns[1]?.name === 'Code' && columns[2]?.name === 'Message'
  const rewrites = isList ? [undefined, readCode, hide] : columns.map((): Rewrite => () => null)
  return form === 'text'
    ? (payload) => rewriteTextRow(payload, rewrites)
    : (payload) => rewriteBinaryRow(payload, columns, rewrites)
}

function maskedMessage(code: number, bytes: Buffer, exposure: ErrorExposure, masker: Masker, charset: Charset): Buffer {
  const isHarmless = exposure === 'none' || (exposure !== 'any' && isHarmlessMessage(code, exposure))
  if (!isHarmless) return Buffer.from(withheld(code))
  const { kinds } = masker.scope.plan
  if (kinds.length === 0) return bytes
  const text = decodeText(bytes, charset) ?? bytes.toString('latin1')
  const masked = hideInText(text, { kinds, keys: masker.keys })
  if (masked === undefined) return bytes
  // Characters beyond ASCII in names are lost if the client does not read UTF-8.
  return masked === null
    ? Buffer.from(withheld(code))
    : Buffer.from(masked, charset === 'utf8mb4' || charset === 'utf8mb3' ? 'utf8' : 'latin1')
}

const isHarmlessMessage = (code: number, exposure: ErrorExposure): boolean =>
  HARMLESS.has(code) || (exposure !== 'named' && NAMING.has(code))

function withheld(code: number): string {
  const known = DESCRIPTIONS[code]
  return known === undefined
    ? 'message withheld: it may contain masked values'
    : `${known} (the rest is hidden: masked columns are involved)`
}

/** Whether the text of an OK packet has only counts of rows and warnings. */
export const isPlainInfo = ({ info }: Pick<Ok, 'info'>): boolean => INFO.test(info.toString('latin1'))

/** Source: ER_INSERT_INFO, ER_UPDATE_INFO, ER_LOAD_INFO and ER_ALTER_INFO in errmsg-utf8.txt; mysql_sql_stmt_prepare in sql_prepare.cc. */
const INFO =
  /^(?:Records: \d+ {2}Duplicates: \d+ {2}Warnings: \d+|Rows matched: \d+ {2}Changed: \d+ {2}Warnings: \d+|Records: \d+ {2}Deleted: \d+ {2}Skipped: \d+ {2}Warnings: \d+|Statement prepared|)$/

/**
 * What an OK packet may say about rows if there are masked columns: how many were matched. The number of changed rows reveals whether they
 * had the given values before. Undefined if the packet says no more than that. `givesInsertId`: LAST_INSERT_ID(value) of the statement says
 * which number is reported, whether the row was changed or not.
 */
export function meantRows(
  { affectedRows, lastInsertId, info }: Pick<Ok, 'affectedRows' | 'lastInsertId' | 'info'>,
  kinds: readonly string[],
  exposure: ErrorExposure,
  givesInsertId = false,
): Pick<Ok, 'affectedRows' | 'lastInsertId' | 'info'> | undefined {
  if (exposure === 'none') return undefined
  const text = info.toString('latin1')
  const [, updated] = UPDATED.exec(text) ?? []
  if (updated !== undefined) {
    const words = Buffer.from(text.replace(/Changed: \d+/, `Changed: ${updated}`))
    return { affectedRows: BigInt(updated), lastInsertId, info: words }
  }
  if (!kinds.some((kind) => kind === 'insert' || kind === 'replace')) return undefined
  const [, inserted = '1', duplicates = '0'] = INSERTED.exec(text) ?? []
  // For a row that existed before, the server reports the number only if the row was changed.
  const isNew = affectedRows === BigInt(inserted) && duplicates === '0'
  return {
    affectedRows: BigInt(inserted),
    lastInsertId: isNew || givesInsertId ? lastInsertId : 0n,
    info: Buffer.from(text.replace(/Duplicates: \d+/, 'Duplicates: 0')),
  }
}

const UPDATED = /^Rows matched: (\d+) /
const INSERTED = /^Records: (\d+) {2}Duplicates: (\d+) /

const isUsual = (code: number): boolean => HARMLESS.has(code) || NAMING.has(code) || code in DESCRIPTIONS

/**
 * Messages without values of rows: fixed words, and names and words of the statement. Not among them are messages that quote a rejected
 * value of a system variable, such as the name of a character set, a collation, a time zone or an engine. By number, for both MySQL and
 * MariaDB. Source: errmsg-utf8.txt of MariaDB 11.4, messages_to_clients.txt of MySQL 8.4.
 */
const HARMLESS = new Set([
  // Access, databases, connections.
  1040, 1042, 1043, 1044, 1045, 1046, 1047, 1049, 1053, 1129, 1130, 1153, 1158, 1159, 1160, 1161, 1184, 1203, 1226,
  1227, 1317, 1698, 1820, 1862, 1927,
  // The syntax of the statement, and the names in it.
  1050, 1051, 1052, 1054, 1055, 1056, 1057, 1058, 1059, 1060, 1061, 1063, 1064, 1065, 1066, 1067, 1068, 1069, 1070,
  1071, 1072, 1073, 1074, 1075, 1082, 1084, 1089, 1090, 1091, 1093, 1099, 1100, 1102, 1103, 1104, 1106, 1107, 1108,
  1109, 1110, 1111, 1112, 1113, 1117, 1118, 1119, 1120, 1121, 1125, 1128, 1131, 1132, 1136, 1138, 1140, 1141, 1142,
  1143, 1144, 1145, 1146, 1147, 1148, 1149, 1154, 1162, 1163, 1164, 1166, 1167, 1170, 1171, 1172, 1173, 1176, 1177,
  1178, 1191, 1192, 1193, 1210, 1211, 1214, 1215, 1217, 1221, 1222, 1225, 1229, 1230, 1232, 1233, 1234, 1235, 1238,
  1239, 1241, 1242, 1243, 1244, 1247, 1248, 1249, 1250, 1251, 1252, 1253, 1267, 1270, 1271, 1275, 1276, 1281, 1283,
  1287, 1288, 1289, 1290, 1294, 1295, 1304, 1305, 1306, 1314, 1318, 1319, 1322, 1323, 1324, 1326, 1327, 1328, 1329,
  1330, 1331, 1334, 1336, 1338, 1347, 1349, 1350, 1351, 1352, 1353, 1356, 1358, 1359, 1360, 1362, 1363, 1368, 1370,
  1387, 1390, 1392, 1394, 1395, 1397, 1403, 1404, 1415, 1418, 1419, 1421, 1422, 1424, 1425, 1426, 1427, 1428, 1435,
  1436, 1437, 1442, 1443, 1444, 1445, 1446, 1449, 1460, 1463, 1471, 1472, 1478, 1492, 1493, 1503, 1504, 1505, 1508,
  1511, 1512, 1513, 1539, 1540, 1568, 1576, 1580, 1582, 1583, 1584, 1585, 1630, 1641, 1645, 1681, 1727, 1732, 1733,
  1735, 1746, 1792, 1846,
  // The course of the execution.
  1205, 1206, 1207, 1213, 1223, 1969, 3024, 3572,
])

/** Messages that name the table, column or constraint that rejected a row; the name of a partition reveals something about the row. */
const NAMING = new Set([1048, 1263, 1264, 1265, 1364, 1406, 1451, 1452, 1467, 3819, 4025])

/** The meaning of errors that quote values. */
const DESCRIPTIONS: Readonly<Record<number, string>> = {
  1022: 'Duplicate key in a table',
  1062: 'Duplicate entry for a key',
  1139: 'A regular expression is wrong',
  1292: 'A value is incorrect or was truncated',
  1365: 'Division by 0',
  1366: 'Incorrect value for a column',
  1367: 'An illegal value was found',
  1411: 'Incorrect value for a function',
  1416: 'A value is no geometry',
  1525: 'Incorrect value',
  1526: 'A table has no partition for a value',
  1557: 'A change of foreign keys would lead to a duplicate entry',
  1586: 'Duplicate entry for a key',
  1644: 'An error was signaled',
  1690: 'A value is out of range',
  1748: 'A row does not belong to the partitions',
  3140: 'Invalid JSON text',
  3141: 'Invalid JSON text in an argument',
  3143: 'Invalid JSON path expression',
}

/** ER_SIGNAL_EXCEPTION, and the defaults of SIGNAL. */
const SIGNALED = 1644
const RAISED = '45000'
const UNNAMED = 'HY000'
const USUAL_STATES = new Set([
  UNNAMED,
  RAISED,
  '22001',
  '22003',
  '22007',
  '22012',
  '23000',
  '40001',
  '42000',
  '42S02',
  '42S22',
  '70100',
])
