// The least that answers a callback in Node: http and WeCom's own crypto package.
'use strict';
const http = require('http');
const { getSignature, decrypt } = require('@wecom/crypto');
const { TOKEN, AES_KEY, CORP_ID } = process.env;

const field = (xml, name) => {
  const found = new RegExp(`<${name}>(?:<!\\[CDATA\\[)?(.*?)(?:\\]\\]>)?</${name}>`, 's').exec(xml);
  return found ? found[1] : '';
};

const server = http.createServer((req, res) => {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => {
    const query = new URL(req.url, 'http://bench').searchParams;
    const encrypted = field(Buffer.concat(chunks).toString(), 'Encrypt');
    const answer = (status) => res.writeHead(status, { 'Content-Length': 0 }).end();
    if (getSignature(TOKEN, query.get('timestamp'), query.get('nonce'), encrypted) !== query.get('msg_signature')) {
      return answer(401);
    }
    const { message, id } = decrypt(AES_KEY, encrypted);
    const read = ['FromUserName', 'MsgType', 'Content', 'MsgId'].map((name) => field(message, name));
    return answer(id === CORP_ID && read.every(Boolean) ? 200 : 400);
  });
});
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
