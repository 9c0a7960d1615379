// Objects in three dimensions. One WebGL context draws them all: browsers give a page only a few.

const VERTEX = `#version 300 es
in vec3 place, normal, colour;
uniform mat3 turn;
uniform float distance, focal;
out vec3 seen;
void main() {
  vec3 at = turn * place, up = turn * normal;
  float depth = distance - at.z, near = distance - 1.0, far = distance + 1.0;
  gl_Position = vec4(focal * at.xy, ((far + near) * depth - 2.0 * far * near) / (far - near), depth);
  seen = colour * (0.82 + 0.3 * max(dot(normalize(up), normalize(vec3(0.3, 0.7, 0.6))), 0.0));
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec3 seen;
out vec4 pixel;
void main() { pixel = vec4(seen, 1.0); }`;
const DISTANCE = 4.5, FOCAL = 4.2; // in radii of the object
const DEGREE = Math.PI / 180;

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}

function normalsOf(places, faces) {
  const normals = new Float32Array(places.length);
  for (let f = 0; f < faces.length; f += 3) {
    const [a, b, c] = [3 * faces[f], 3 * faces[f + 1], 3 * faces[f + 2]];
    const one = [0, 1, 2].map((k) => places[b + k] - places[a + k]);
    const two = [0, 1, 2].map((k) => places[c + k] - places[a + k]);
    const across = [0, 1, 2].map((k) => one[(k + 1) % 3] * two[(k + 2) % 3] - one[(k + 2) % 3] * two[(k + 1) % 3]);
    for (const corner of [a, b, c]) for (let k = 0; k < 3; k++) normals[corner + k] += across[k];
  }
  return normals;
}

function makePainter() {
  const gl = window.OffscreenCanvas && new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!gl) return null;
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
  gl.useProgram(program);
  gl.enable(gl.DEPTH_TEST);

  function load({ places, colours, faces }) {
    const xyz = new Int16Array(bytesOf(places)), corners = new Uint32Array(bytesOf(faces));
    const mesh = gl.createVertexArray();
    gl.bindVertexArray(mesh);
    function attach(name, data, kind) {
      gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
      const slot = gl.getAttribLocation(program, name);
      gl.enableVertexAttribArray(slot);
      gl.vertexAttribPointer(slot, 3, kind, true, 0, 0);
    }
    attach("place", xyz, gl.SHORT);
    attach("normal", normalsOf(xyz, corners), gl.FLOAT);
    attach("colour", new Uint8Array(bytesOf(colours)), gl.UNSIGNED_BYTE);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, corners, gl.STATIC_DRAW);
    return { mesh, count: corners.length };
  }

  function draw({ mesh, count }, { yaw, pitch, zoom }, canvas) {
    const [side, high] = [canvas.width, canvas.height];
    if (gl.canvas.width !== side || gl.canvas.height !== high) Object.assign(gl.canvas, { width: side, height: high });
    gl.viewport(0, 0, side, high);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const [c, s, d, t] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    // R_x(pitch) R_y(yaw), column by column, as the cameras that it was made with turn it
    const turn = [c, t * s, -d * s, 0, d, t, s, -t * c, d * c];
    gl.uniformMatrix3fv(gl.getUniformLocation(program, "turn"), false, turn);
    gl.uniform1f(gl.getUniformLocation(program, "distance"), DISTANCE);
    gl.uniform1f(gl.getUniformLocation(program, "focal"), FOCAL * zoom);
    gl.bindVertexArray(mesh);
    gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_INT, 0);
    canvas.getContext("bitmaprenderer").transferFromImageBitmap(gl.canvas.transferToImageBitmap());
  }

  return { load, draw };
}

function showSolid(figure, painter) {
  const canvas = figure.querySelector("canvas");
  const data = JSON.parse(figure.querySelector("script").textContent);
  const pose = { yaw: data.yaw * DEGREE, pitch: data.pitch * DEGREE, zoom: 1 };
  let loaded = null, asked = false;

  function redraw() {
    if (asked || !loaded) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      painter.draw(loaded, pose, canvas);
      canvas.dataset.turned = `${Math.round(pose.yaw / DEGREE)} ${Math.round(pose.pitch / DEGREE)}`;
    });
  }

  function turn(yaw, pitch) {
    pose.yaw += yaw;
    pose.pitch = Math.min(Math.max(pose.pitch + pitch, -Math.PI / 2), Math.PI / 2);
    redraw();
  }

  function zoom(factor) {
    pose.zoom = Math.min(Math.max(pose.zoom * factor, 0.5), 4);
    redraw();
  }

  canvas.addEventListener("pointerdown", (down) => {
    let { clientX: x, clientY: y } = down;
    const move = (event) => {
      const scale = Math.PI / canvas.clientWidth;
      turn((event.clientX - x) * scale, (event.clientY - y) * scale);
      [x, y] = [event.clientX, event.clientY];
    };
    const stop = () => {
      for (const end of ["pointerup", "pointercancel"]) canvas.removeEventListener(end, stop);
      canvas.removeEventListener("pointermove", move);
    };
    canvas.setPointerCapture(down.pointerId);
    canvas.addEventListener("pointermove", move);
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, stop);
  });
  canvas.addEventListener("keydown", (event) => {
    const step = 10 * DEGREE;
    const turned = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    const closer = { "+": 1.15, "=": 1.15, "-": 1 / 1.15 }[event.key];
    if (turned) turn(...turned);
    else if (closer) zoom(closer);
    else return;
    event.preventDefault();
  });
  new IntersectionObserver(([entry], observer) => {
    if (!entry.isIntersecting) return;
    observer.disconnect();
    loaded = painter.load(data);
    redraw();
  }).observe(canvas);
}

const solidFigures = document.querySelectorAll(".object");
const painter = solidFigures.length ? makePainter() : null;
for (const figure of solidFigures) {
  if (painter) showSolid(figure, painter);
  else figure.querySelector("figcaption").textContent = "This browser draws nothing in 3D: open object.glb of the run’s folder.";
}
