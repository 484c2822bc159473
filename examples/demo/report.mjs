// Prints what the demo found.

/**
 * @param {(string | number)[][]} rows the first is the heading; the first column is aligned left
 */
export function printTable(rows) {
  const texts = rows.map((row) => row.map(String))
  const widths = texts[0].map((_, column) => Math.max(...texts.map((row) => row[column].length)))
  texts.forEach((row, index) => {
    console.log(row.map((text, column) => column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column])).join('   '))
    if (index === 0) console.log(widths.map((width) => '─'.repeat(width)).join('───'))
  })
}

/** @param {number} count */
export function formatBytes(count) {
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)} MB`
  return count >= 1e3 ? `${(count / 1e3).toFixed(1)} kB` : `${count} B`
}

/** @param {number} count */
export function formatCount(count) {
  return count.toLocaleString('en-GB')
}
