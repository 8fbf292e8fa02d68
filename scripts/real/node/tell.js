// Writes down what is provoked, while it is.
const fs = require('fs');

module.exports = (file) => ({
  problem: (kind, holds, more) => fs.appendFileSync(file, JSON.stringify({ kind, problem: true, holds, ...more }) + '\n'),
  harmless: (kind, holds, more) => fs.appendFileSync(file, JSON.stringify({ kind, problem: false, holds, ...more }) + '\n'),
});
