// Prints the values of Parquet files with hyparquet: beside each file a file.hyparquet, in the form of read.py. The first
// argument is the folder with the modules.
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [modules, ...files] = process.argv.slice(2)
const load = (...parts) => import(pathToFileURL(path.join(modules, ...parts)))
const { parquetMetadata, parquetRead, parquetSchema } = await load('hyparquet', 'src', 'index.js')
const { compressors } = await load('hyparquet-compressors', 'src', 'index.js')

const hex = bytes => bytes && Buffer.from(bytes).toString('hex')
const parsers = { timestampFromNanoseconds: nanos => nanos, dateFromDays: days => days, stringFromBytes: hex }

function bits(value) {
  if (Number.isNaN(value)) return 'nan'
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes.toString('hex')
}

function plain(value, node) {
  if (value === null || value === undefined) return null
  if (maps.has(node.element)) {
    const [entries] = node.children
    return value[entries.element.name].map(entry => entries.children.map(part => plain(entry[part.element.name], part)))
  }
  if (Array.isArray(value)) return value.map(v => plain(v, node.children[0].children[0]))
  if (node.children.length) return node.children.map(child => plain(value[child.element.name], child))
  if (node.element.type === 'FLOAT' || node.element.type === 'DOUBLE') return bits(value)
  if (node.element.type === 'FIXED_LEN_BYTE_ARRAY') return String(BigInt.asIntN(value.length * 8, BigInt('0x' + hex(value))))
  if (value instanceof Uint8Array) return hex(value)
  return String(value)
}

const maps = new Set()
for (const name of files) {
  const bytes = fs.readFileSync(name)
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const metadata = parquetMetadata(file)
  for (const element of metadata.schema) {
    // A map would become an object and lose the types of its keys, and a decimal would become a double. Without its
    // mark a map is a struct of a list of structs.
    if (element.converted_type === 'MAP') maps.add(element)
    if (element.converted_type === 'MAP' || element.converted_type === 'DECIMAL') delete element.converted_type
  }
  const root = parquetSchema(metadata)
  const out = fs.openSync(name + '.hyparquet', 'w')
  let row = 0
  for (const group of metadata.row_groups) {
    const rowEnd = row + Number(group.num_rows)
    await parquetRead({
      file, metadata, compressors, parsers, utf8: false, rowStart: row, rowEnd,
      onComplete: rows => fs.appendFileSync(out, rows.map(r =>
        JSON.stringify(root.children.map((column, i) => plain(r[i], column))) + '\n').join('')),
    })
    row = rowEnd
  }
  fs.closeSync(out)
}
