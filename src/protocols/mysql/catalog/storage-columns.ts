import { wordList } from '../../../shared/word-list.ts'

/** For each table of information_schema, the columns that show how much is stored. */
export const STORAGE: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    tables: 'table_rows avg_row_length data_length index_length data_free max_data_length checksum update_time',
    partitions: 'table_rows avg_row_length data_length index_length data_free max_data_length checksum update_time',
    statistics: 'cardinality',
  }).map(([table, columns]) => [table, new Set(wordList(columns))]),
)
