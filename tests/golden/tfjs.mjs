// How faceres.json and face-api-expression.json were made: the packages' own TensorFlow.js, on the CPU, in node.
//   npm pack @vladmandic/human@3.3.6, or @vladmandic/face-api@1.7.15, and unpack it
//   node tfjs.mjs faceres|expression UNPACKED/package INPUT.json > OUTPUT.json
// INPUT.json: {"shape": [n, side, side, 3], "data": [...]}, the pictures of tests/models/patterns.py.
import fs from 'node:fs';

globalThis.window = globalThis; // the bundles want a browser
globalThis.document = {createElement: () => ({getContext: () => null})};
console.log = console.warn = console.info = (...words) => process.stderr.write(`${words.join(' ')}\n`);

const [,, kind, root, input] = process.argv;
const {shape, data} = JSON.parse(fs.readFileSync(input, 'utf8'));
const bytes = (path) => {
  const file = fs.readFileSync(path);
  return file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
};

async function faceres() {
  const tf = await import(`${root}/dist/tfjs.esm.js`);
  await tf.setBackend('cpu');
  await tf.ready();
  const {modelTopology, signature, weightsManifest} = JSON.parse(fs.readFileSync(`${root}/models/faceres.json`));
  const weightData = bytes(`${root}/models/faceres.bin`);
  const model = await tf.loadGraphModel({load: async () => ({modelTopology, signature, weightSpecs: weightsManifest[0].weights, weightData})});
  return model.execute(tf.tensor4d(data, shape), 'global_pooling/Mean').arraySync();
}

async function expression() {
  const api = await import(`${root}/dist/face-api.esm.js`);
  await api.tf.setBackend('cpu');
  await api.tf.ready();
  const specs = JSON.parse(fs.readFileSync(`${root}/model/face_expression_model-weights_manifest.json`))[0].weights;
  const net = new api.FaceExpressionNet();
  net.loadFromWeightMap(api.tf.io.decodeWeights(bytes(`${root}/model/face_expression_model.bin`), specs));
  const batch = api.tf.tensor4d(data, shape);
  const rows = [];
  for (let i = 0; i < shape[0]; i += 1) {
    const picture = batch.slice([i, 0, 0, 0], [1, -1, -1, -1]).squeeze([0]);
    rows.push(...net.runNet(await api.toNetInput(picture)).arraySync());
  }
  return rows;
}

process.stdout.write(JSON.stringify(await {faceres, expression}[kind]()));
