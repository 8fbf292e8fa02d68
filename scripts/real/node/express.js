// A shop in Express with morgan, with its mistakes.
const express = require('express');
const morgan = require('morgan');
const http = require('http');

const app = express();
app.use(morgan(process.argv[2]));

class PriceError extends Error {}

function lookUp(ref) {
  return undefined[ref];
}

app.get('/ok/:ref', (req, res) => {
  console.log(`${req.params.ref} checked: 0 errors, ErrorHandler ready`);
  res.send('ok');
});
app.get('/crash/:ref', function crash(req, res) {
  throw new PriceError(`no price for ${req.params.ref}`);
});
app.get('/undefined/:ref', (req, res) => res.send(lookUp(req.params.ref)));
app.get('/next/:ref', (req, res, next) => setImmediate(() => next(new RangeError(`${req.params.ref} is out of range`))));
app.get('/cause/:ref', (req, res) => {
  try {
    lookUp(req.params.ref);
  } catch (e) {
    console.error(new PriceError(`cannot price ${req.params.ref}`, { cause: e }));
  }
  res.send('ok');
});
app.get('/upstream/:ref', (req, res) => {
  http.get(`http://127.0.0.1:9/${req.params.ref}`).on('error', (e) => {
    console.error(`upstream for ${req.params.ref} failed:`, e);
    res.status(502).send('bad gateway');
  });
});
app.get('/lint/:ref', (req, res) => {
  console.log(`${req.params.ref}: no error, 0 failed`);
  res.status(404).send('none');
});
app.listen(3000, '127.0.0.1', () => console.log('shop listens on 3000'));
