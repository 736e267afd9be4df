# cmake -DOUTPUT=file.cpp "-DINPUTS=a.grammar;b.grammar" -DHEADER=base/embedded.h -DTABLE=kEmbeddedFile -DNAME=NAME_WE -P embed.cmake
# The table is then kEmbeddedFiles, of kEmbeddedFileCount entries; files go by their name without (NAME_WE) or with (NAME) what
# follows the first point.
# Writes the files as arrays of numbers: no character needs escaping, and no string literal grows past what compilers take.
set(code "// Made from files of the source tree when the library was built.\n#include \"${HEADER}\"\n\nnamespace headlight::detail {\n\nnamespace {\n")
set(table "")
set(number 0)
foreach(input IN LISTS INPUTS)
  get_filename_component(name "${input}" ${NAME})
  file(READ "${input}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
  string(APPEND code "constexpr unsigned char kFile${number}[] = {\n${bytes}0};\n")
  string(APPEND table "    {\"${name}\", kFile${number}, sizeof kFile${number} - 1},\n")
  math(EXPR number "${number} + 1")
endforeach()
string(APPEND code "}  // namespace\n\nconst EmbeddedFile ${TABLE}s[] = {\n${table}};\nconst std::size_t ${TABLE}Count = ${number};\n\n}  // namespace headlight::detail\n")
file(WRITE "${OUTPUT}" "${code}")
